#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs against the real kernel's configfs-tsm, in an emulated machine without TDX.

Takes the kernel of bookworm-backports, which has the interface, and builds for it a module that is the provider
"tdx_guest" (module/fake_tdx.c). Boots both under software emulation with `ee` and `ee-agent` inside, which probe and
enrol while the module behaves and misbehaves. Needs packages qemu-system-x86, seabios, cpio, gcc, make, xz-utils and the network or a filled cache; says skipped otherwise. Alone:

    EE_BUILD=build tests/tdx/vm_test.py

The packages are only unpacked, never installed, and kept in EE_TDX_VM_CACHE (default: tdx-vm in EE_BUILD).
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("EE_BUILD", HERE.parent.parent / "build")).resolve()
CACHE = pathlib.Path(os.environ.get("EE_TDX_VM_CACHE", BUILD / "tdx-vm"))
SUITE = "bookworm-backports"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOOT_S = 240  # software emulation, perhaps beside other tests
SLOW_MODE = 5

# In the machine: (name, mode of the module, command). Each prints one line of JSON.
PROBE = "/bin/ee tdx probe --json --timeout 8"
RUNS = [
    ("honest", 0, PROBE),
    ("named", 0, f"{PROBE} --tdx-device configfs:/sys/kernel/config/tsm/report"),
    ("empty", 1, PROBE),
    ("busy", 2, PROBE),
    ("other-data", 3, PROBE),
    ("half", 4, PROBE),
    ("timeout", 6, "/bin/ee tdx probe --json --timeout 1"),
    ("big", 7, PROBE),
    ("guest", 0, f"{PROBE} --tdx-device tdx_guest:unix:/nonexistent"),
    ("init", 0, "/bin/ee-agent init --state /agent --node node-1"),
]


class Missing(Exception):
    """What this machine lacks for the test."""


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **options)


# ---- the kernel ----

def archive_address():
    for path in sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*")) + [pathlib.Path("/etc/apt/sources.list")]:
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        found = re.search(r"^(?:URIs:|deb)\s+(?:\[[^]]*\]\s+)?(https?://\S*debian/?)(?:\s|$)", text, re.M)
        if found:
            return found.group(1)
    return "http://deb.debian.org/debian"


def apt(tool, *words):
    """apt with lists and sources of its own: the machine's stay as they are."""
    for folder in ("lists/partial", "sources", "archives/partial"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    (CACHE / "sources" / "backports.sources").write_text(
        f"Types: deb\nURIs: {archive_address()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n")
    options = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": CACHE / "sources",
               "Dir::State::lists": CACHE / "lists", "Dir::Cache": CACHE, "Dir::Cache::archives": CACHE / "archives",
               "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "", "APT::Sandbox::User": "root"}
    words = [tool, "-q"] + [f"-o{key}={value}" for key, value in options.items()] + list(words)
    return run(*words, cwd=CACHE, timeout=300).stdout.decode()


def kernel():
    """The kernel's version; its packages are unpacked in CACHE/root."""
    root, stamp = CACHE / "root", CACHE / "version"
    if stamp.exists():
        return stamp.read_text().strip()
    try:
        apt("apt-get", "update")
        depends = apt("apt-cache", "depends", "linux-image-cloud-amd64")
        version = re.search(r"Depends: linux-image-(\S+)", depends).group(1)
        base = version.removesuffix("-cloud-amd64")
        apt("apt-get", "download", f"linux-image-{version}", f"linux-headers-{version}",
            f"linux-headers-{base}-common", f"linux-kbuild-{base}")
    except (subprocess.SubprocessError, AttributeError, OSError) as problem:
        said = getattr(problem, "stderr", b"") or b""
        raise Missing(f"no kernel of {SUITE}: {said.decode()[-200:].strip() or problem}") from None
    shutil.rmtree(root, ignore_errors=True)
    for package in CACHE.glob("*.deb"):
        run("dpkg-deb", "-x", package, root)
        package.unlink()
    stamp.write_text(version + "\n")
    return version


def busybox():
    """The statically linked one, of this machine or of its archive."""
    unpacked = CACHE / "busybox" / "bin" / "busybox"
    installed = shutil.which("busybox")
    if installed and subprocess.run(["ldd", installed], capture_output=True).returncode != 0:
        return installed  # ldd refuses what is not dynamic
    if not unpacked.exists():
        try:
            run("apt-get", "-q", "download", "busybox-static", cwd=CACHE, timeout=120)
        except (subprocess.SubprocessError, OSError):
            raise Missing("busybox-static is neither installed nor to be had") from None
        for package in CACHE.glob("busybox-static*.deb"):
            run("dpkg-deb", "-x", package, CACHE / "busybox")
            package.unlink()
    return unpacked


# ---- the module ----

def module_build(version, quote, work):
    """The header packages expect to lie under /usr: their Makefiles are told where they are."""
    root, folder = CACHE / "root", work / "module"
    shutil.copytree(HERE / "module", folder)
    data = ",".join(str(byte) for byte in quote)
    (folder / "template.h").write_text(f"static const u8 template[] = {{{data}}};\n")
    (folder / "Makefile").write_text("obj-m := fake_tdx.o\nccflags-y := -Wno-missing-prototypes\n")
    headers = root / "usr" / "src" / f"linux-headers-{version}"
    for path in headers.glob("Makefile"):
        text = path.read_text()
        if f"{root}/usr/src" not in text:
            path.write_text(text.replace("/usr/src/", f"{root}/usr/src/"))
    done = subprocess.run(["make", "-s", "CONFIG_DEBUG_INFO_BTF_MODULES=", "-C", str(headers), f"M={folder}", "modules"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the module does not build: {done.stderr[-1500:]}")
    return folder / "fake_tdx.ko"


# ---- the machine ----

def libraries(program):
    found = re.findall(r"(?:=>\s*)?(/\S+)\s+\(0x", run("ldd", program).stdout.decode())
    return {pathlib.Path(path) for path in found}


def programs_copy(root):
    programs = [BUILD / "cmd" / "ee" / "ee", BUILD / "cmd" / "ee-agent" / "ee-agent"]
    for program in programs:
        shutil.copy(program, root / "bin" / program.name)
    for library in set().union(*(libraries(program) for program in programs)):
        target = root / str(library).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


INIT = """#!/bin/sh
B=/bin/busybox
$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev; $B ip link set lo up
R=/sys/kernel/config/tsm/report; M=/sys/module/fake_tdx/parameters/mode
say() { echo "@@ $1 $2"; }
run() { echo $2 > $M; say "$1" "$($3 2>/dev/null)"; say "$1-left" "$($B ls $R | $B wc -l)"; }
$B insmod /m/configfs.ko; $B mount -t configfs c /sys/kernel/config
$B insmod /m/tsm.ko
say no-provider "$(/bin/ee tdx probe --json 2>/dev/null)"
$B insmod /m/fake_tdx.ko || say insmod failed
"""
CRASH = f"""echo {SLOW_MODE} > $M; {PROBE} >/dev/null 2>&1 & P=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do $B sleep 0.2; [ "$($B ls $R | $B wc -l)" = 1 ] && break; done
say slow-entries "$($B ls $R | $B wc -l)"
$B kill -9 $P; wait $P; say crash-entries "$($B ls $R | $B wc -l)"
run crash 0 "{PROBE}"
"""


def image_make(version, module, work):
    root = work / "root"
    for folder in ("bin", "m", "proc", "sys", "dev", "tmp", "agent"):
        (root / folder).mkdir(parents=True)
    (root / "agent").chmod(0o700)
    shutil.copy(busybox(), root / "bin" / "busybox")
    (root / "bin" / "sh").symlink_to("busybox")
    programs_copy(root)
    for name in ("configfs", "tsm"):
        packed = next((CACHE / "root").glob(f"**/{name}.ko.xz"))
        (root / "m" / f"{name}.ko").write_bytes(run("xz", "-dc", packed).stdout)
    shutil.copy(module, root / "m" / "fake_tdx.ko")
    lines = "".join(f'run {name} {mode} "{command}"\n' for name, mode, command in RUNS)
    init = root / "init"
    init.write_text(INIT + lines + CRASH + "say end 1\n$B poweroff -f\n")
    init.chmod(0o755)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    packed = run("cpio", "-o", "-H", "newc", cwd=root, input="\n".join(names).encode()).stdout
    image = work / "initramfs.gz"
    image.write_bytes(gzip.compress(packed, 1))
    return image


def boot(version, image, work):
    """What the machine said, by name."""
    words = ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max", "-m", "768", "-nographic",
             "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel",
             str(CACHE / "root" / "boot" / f"vmlinuz-{version}"), "-initrd", str(image), "-append",
             "console=ttyS0 panic=-1 quiet"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_S)
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
    (work / "console.log").write_bytes(output)
    said = {}
    for line in output.decode(errors="replace").splitlines():
        found = re.search(r"@@ (\S+) (.*)", line.strip())
        if found:
            said[found.group(1)] = found.group(2).strip()
    return said


# ---- what must be true ----

def document(said, name):
    try:
        return json.loads(said[name])
    except (KeyError, ValueError):
        raise AssertionError(f"{name}: no JSON but {said.get(name)!r}") from None


def expect_quote(said, name, quote, **wanted):
    got = document(said, name)
    assert "quote" in got, f"{name}: {got.get('error')}: {got.get('detail')}"
    assert got["quote"]["size"] == len(quote) and got["quote"]["device"] == "configfs", got["quote"]
    assert got["quote"]["platform_id"], got["quote"]
    for key, value in wanted.items():
        assert got["quote"][key] == value, f"{name}: {key} is {got['quote'][key]}, not {value}"
    return got


def expect_error(said, name, error, words):
    got = document(said, name)
    assert (got.get("error"), words in got.get("detail", "")) == (error, True), f"{name}: {got}"
    assert got["suggestions"], f"{name}: no next step"


def checks(said, quote):
    """(name, function) of each test."""
    def machine():
        got = expect_quote(said, "honest", quote, retries=0)["machine"]
        assert got["configfs_tsm"] and got["tdx_guest_device"] and got["rtmr3_extendable"], got
        assert got["kernel"].startswith("6.") and not got["tdx_guest_cpu"], got

    def agent():
        got = document(said, "init")
        probed = document(said, "honest")["quote"]
        assert got["platform_id"] == probed["platform_id"] and got["measurement"] == probed["measurement"], got
        assert got["simulated"] is False and got["vcpus"] >= 1, got

    def entries():
        left = {name: count for name, count in said.items() if name.endswith("-left") and count != "0"}
        assert not left, f"entries left: {left}"

    def crash():
        assert (said.get("slow-entries"), said.get("crash-entries")) == ("1", "1"), said
        expect_quote(said, "crash", quote)
        assert said.get("crash-left") == "0", "the entry of the killed process is still there"

    return [
        ("kernel_without_a_provider_is_told", lambda: expect_error(said, "no-provider", "tdx_missing", "provider")),
        ("real_configfs_tsm_gives_a_quote", machine),
        ("folder_by_name_gives_a_quote", lambda: expect_quote(said, "named", quote)),
        ("busy_interface_is_asked_again", lambda: expect_quote(said, "busy", quote, retries=2)),
        ("empty_quote_blames_the_host", lambda: expect_error(said, "empty", "tdx_quote", "empty quote")),
        ("other_report_data_are_refused", lambda: expect_error(said, "other-data", "tdx_quote", "other report data")),
        ("half_a_quote_is_refused", lambda: expect_error(said, "half", "tdx_quote", "no TDX quote")),
        ("time_out_of_the_host_ends_at_our_deadline", lambda: expect_error(said, "timeout", "timeout", "again")),
        ("quote_beyond_any_size_is_refused", lambda: expect_error(said, "big", "too_large", "")),
        ("report_ioctl_is_answered_and_the_service_missed", lambda: expect_error(said, "guest", "connect", "unix")),
        ("agent_enrols_with_the_platform_of_its_quote", agent),
        ("entries_are_removed_whatever_happens", entries),
        ("entry_of_a_killed_process_is_swept", crash),
        ("machine_reached_its_end", lambda: said["end"]),
    ]


def prepare(work):
    for tool in ("qemu-system-x86_64", "cpio", "make", "gcc", "xz", "dpkg-deb", "ldd"):
        if not shutil.which(tool):
            raise Missing(f"{tool} is not installed")
    version = kernel()
    device = work / "device.json"
    device.write_text(json.dumps({"authority_seed": "01" * 32, "platform_seed": "02" * 32, "program": "ee-agent"}))
    device.chmod(0o600)
    run(BUILD / "cmd" / "ee" / "ee", "tdx", "probe", "--tdx-device", f"sim:{device}", "-o", work / "quote")
    quote = (work / "quote").read_bytes()
    image = image_make(version, module_build(version, quote, work), work)
    return boot(version, image, work), quote


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="ee-tdx-vm-"))
    print("TAP version 13", flush=True)
    try:
        said, quote = prepare(work)
    except Missing as missing:
        print(f"1..1\nok 1 - real_kernel # SKIP {missing}")
        shutil.rmtree(work)
        return 0
    failed = 0
    tests = checks(said, quote)
    print(f"1..{len(tests)}")
    for number, (name, check) in enumerate(tests, 1):
        try:
            check()
            print(f"ok {number} - {name}")
        except (AssertionError, KeyError) as problem:
            failed += 1
            print(f"not ok {number} - {name}\n# {problem}")
    if failed:
        print(f"# console: {work / 'console.log'}")
    else:
        shutil.rmtree(work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
