#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libeasyenclave-verify as others get it: what it exports and calls, the installed tree, pkg-config, the example in C
and C++ on a simulated quote and, with EE_TDX_VECTORS, on real ones; manual pages against the header. Prints TAP.

usage: library_test.py SIM_FILES LIBRARY.so LIBRARY.a      (EE_BUILD: the build directory)
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
HEADER = os.path.join(ROOT, "include", "easyenclave", "verify.h")
MAN = os.path.join(ROOT, "docs", "man")
EXAMPLE = os.path.join(ROOT, "examples", "verify_quote.c")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# What it may ask of others: libcrypto, and of the C library nothing that allocates, waits, reads or writes.
LIBCRYPTO = r"(EVP|EC|ECDSA|BN|OSSL|CRYPTO|ERR|OPENSSL|SHA(256|384|512)?|d2i|i2d|o2i|OBJ)_\w+|SHA(256|384|512)"
LIBC = (r"mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|chr|rchr|spn|cspn|str)|v?snprintf|__\w+_chk|__assert_fail|"
        r"__stack_chk_fail|abort|explicit_bzero|_GLOBAL_OFFSET_TABLE_|__cxa_finalize|__gmon_start__|_ITM_\w+|pthread_once")
MAY_CALL = re.compile(r"^(%s|%s)(@\S+)?$" % (LIBCRYPTO, LIBC))


class Skip(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, "%s: exit %d\n%s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr)
    return done.stdout


def listed():
    with open(os.path.join(ROOT, "lib", "easyenclave-verify.map"), encoding="utf-8") as file:
        return sorted(re.findall(r"^\s+(ee_verify_\w+);", file.read(), re.M))


def prototypes():
    """Name to normalised prototype, from the header."""
    with open(HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    found = re.findall(r"EE_VERIFY_API\s+((?:[^;{(])*?(\w+)\([^;]*?\));", text.replace("EE_VERIFY_MUST_USE", ""))
    return {name: squeezed(prototype) for prototype, name in found}


def squeezed(prototype):
    return re.sub(r"\s*([*(),])\s*", r"\1", " ".join(prototype.split()))


def documented():
    """Name to prototype and page, from the SYNOPSIS of the pages."""
    found = {}
    for page in sorted(os.listdir(MAN)):
        if not page.endswith(".3"):
            continue
        with open(os.path.join(MAN, page), encoding="utf-8") as file:
            text = file.read()
        for result, name, arguments in re.findall(r'^\.Ft "?(.*?)"?\n\.Fo (\w+)\n((?:\.Fa ".*"\n)+)\.Fc', text, re.M):
            prototype = "%s %s(%s)" % (result, name, ", ".join(re.findall(r'"(.*)"', arguments)))
            assert name not in found, "%s is in two pages" % name
            assert re.search(r"^\.Nm %s( ,)?$" % name, text, re.M), "%s is not among the names of %s" % (name, page)
            assert len(re.findall(r"\.Fn %s\b" % name, text)) > 0, "%s does not describe %s" % (page, name)
            found[name] = (squeezed(prototype), page)
    return found


def symbols(*arguments):
    """Name and kind of each line of nm."""
    lines = [line.split() for line in run("nm", "--format=posix", *arguments).splitlines() if not line.endswith(":")]
    return [(fields[0], fields[1]) for fields in lines if len(fields) > 1]


class Test:
    def __init__(self, folder, sim_files, shared, static):
        self.folder, self.sim_files, self.shared, self.static = folder, sim_files, shared, static
        self.tree = os.path.join(folder, "tree")
        self.prefix = None

    def exported_symbols_equal_the_list(self):
        names = {name.split("@")[0] for name, kind in symbols("-D", "--defined-only", self.shared) if kind != "A"}
        assert sorted(names) == listed(), "shared: %s" % (names ^ set(listed()))
        names = {name for name, _ in symbols("-g", "--defined-only", self.static)}
        assert sorted(names) == listed(), "static: %s" % (names ^ set(listed()))
        assert sorted(prototypes()) == listed(), "header: %s" % (set(prototypes()) ^ set(listed()))

    def nothing_is_called_that_allocates_waits_or_does_io(self):
        for arguments in (["-D", "-u", self.shared], ["-u", self.static]):
            wrong = [name for name, _ in symbols(*arguments) if not MAY_CALL.match(name)]
            assert not wrong, "%s calls %s" % (arguments[-1], " ".join(wrong))

    def nothing_can_be_written_but_the_curve_libcrypto_made(self):
        rows = re.findall(r"^\w+ .{7} (\S+)\s\w+ (?:\.hidden )?(\S+)$", run("objdump", "-t", self.static), re.M)
        found = {name for section, name in rows if re.match(r"\.t?(data|bss)(?!\.rel\.ro)", section) and name != section}
        assert ".rodata" in {section for section, _ in rows}, "objdump's output was not understood"
        assert found <= {"p256_once", "p256_group", "p256_spare"}, " ".join(found)

    def shared_library_has_soname_and_symbol_versions(self):
        dynamic = run("readelf", "--wide", "-d", self.shared)
        assert "soname: [libeasyenclave-verify.so.1]" in dynamic, dynamic
        assert sorted(re.findall(r"\(NEEDED\).*\[(lib\w+)", dynamic)) == ["libc", "libcrypto"], dynamic
        for name, kind in symbols("-D", "--defined-only", self.shared):
            assert kind == "A" or name.endswith("@@EASYENCLAVE_VERIFY_1.0"), name

    def install_puts_everything_in_its_place(self):
        run("meson", "install", "-C", os.environ["EE_BUILD"], "--no-rebuild", "--quiet", "--destdir", self.tree)
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.tree) for name in names]
        for wanted in ("bin/ee", "bin/ee-control", "bin/ee-agent", "include/easyenclave/verify.h",
                       "libeasyenclave-verify.so", "libeasyenclave-verify.so.1", "libeasyenclave-verify.a",
                       "pkgconfig/easyenclave-verify.pc"):
            assert any(path.endswith("/" + wanted) for path in found), "%s is not installed" % wanted
        self.prefix = next(path for path in found if path.endswith(".pc")).split("/lib")[0]
        man = os.path.join(self.prefix, "share", "man", "man3")
        missing = [name for name in listed() if not os.path.exists(os.path.join(man, name + ".3"))]
        assert not missing, "no page is found by %s" % " ".join(missing)

    def flags(self, *arguments):
        folder = os.path.dirname(next(os.path.join(folder, name) for folder, _, names in os.walk(self.tree)
                                      for name in names if name.endswith(".pc")))
        env = dict(os.environ, PKG_CONFIG_PATH=folder, PKG_CONFIG_SYSROOT_DIR=self.tree)
        return run("pkg-config", *arguments, "easyenclave-verify", env=env).split(), os.path.dirname(folder)

    def verdict(self, program, quote, collateral, *more):
        _, libraries = self.flags("--libs")
        done = subprocess.run([program, quote, collateral, *more], capture_output=True, text=True, timeout=20,
                              env=dict(os.environ, LD_LIBRARY_PATH=libraries))
        return done.returncode, (done.stdout.strip().splitlines() or [done.stderr])[-1]

    def simulated(self, kind):
        folder = os.path.join(self.folder, kind)
        os.makedirs(folder, exist_ok=True)
        time_s = run(self.sim_files, folder, kind).strip()
        return [os.path.join(folder, name) for name in ("quote.bin", "collateral.json")] + [
            time_s, os.path.join(folder, "root.pem")]

    def judges_simulated_quotes(self, program):
        assert self.verdict(program, *self.simulated("healthy")) == (0, "OK UpToDate")
        assert self.verdict(program, *self.simulated("forged")) == (7, "REJECT quote_signature")
        assert self.verdict(program, *self.simulated("healthy")[:3]) == (7, "REJECT root_untrusted")

    def example_has_under_60_lines(self):
        with open(EXAMPLE, encoding="utf-8") as file:
            assert len(file.readlines()) < 60

    def example_links_shared_and_judges(self):
        flags, _ = self.flags("--cflags", "--libs")
        program = os.path.join(self.folder, "shared")
        run("cc", "-std=c11", *STRICT, "-o", program, EXAMPLE, *flags)
        self.judges_simulated_quotes(program)

    def example_links_static_and_judges(self):
        flags, libraries = self.flags("--static", "--cflags", "--libs")
        flags = [flag.replace("-leasyenclave-verify", "-l:libeasyenclave-verify.a") for flag in flags]
        program = os.path.join(self.folder, "static")
        run("cc", "-std=c11", *STRICT, "-o", program, EXAMPLE, *flags)
        assert "easyenclave" not in run("readelf", "-d", program)
        self.judges_simulated_quotes(program)

    def header_and_example_compile_as_cxx(self):
        compiler = shutil.which("g++") or shutil.which("clang++")
        if not compiler:
            raise Skip("no C++ compiler")
        flags, _ = self.flags("--cflags")
        for standard in ("c++11", "c++17"):
            run(compiler, "-std=" + standard, *STRICT, "-fsyntax-only", *flags, "-x", "c++", EXAMPLE)

    def header_stands_alone_in_c99(self):
        alone = os.path.join(self.folder, "alone.c")
        with open(alone, "w", encoding="utf-8") as file:
            file.write("#include <easyenclave/verify.h>\n#include <easyenclave/verify.h>\n"
                       "int main(void)\n{\n    return ee_verify_version() < EE_VERIFY_VERSION;\n}\n")
        flags, _ = self.flags("--cflags")
        run("cc", "-std=c99", *STRICT, "-Wconversion", "-Wstrict-prototypes", "-fsyntax-only", *flags, alone)
        included = re.findall(r"^#include (.*)$", open(HEADER, encoding="utf-8").read(), re.M)
        assert included == ["<stdbool.h>", "<stddef.h>", "<stdint.h>"], included

    def example_judges_real_quotes(self):
        vectors = os.environ.get("EE_TDX_VECTORS")
        if not vectors:
            raise Skip("EE_TDX_VECTORS is not set")
        tried = 0
        for case in sorted(os.listdir(vectors)):
            folder = os.path.join(vectors, case)
            if not os.path.exists(os.path.join(folder, "expect.json")):
                continue
            with open(os.path.join(folder, "expect.json"), encoding="utf-8") as file:
                expected = json.load(file)
            root = os.path.join(folder, "root_ca.pem")
            code, line = self.verdict(os.path.join(self.folder, "shared"), os.path.join(folder, "quote.bin"),
                                      os.path.join(folder, "collateral.json"), str(expected["verify_time"]),
                                      *([root] if os.path.exists(root) else []))
            good = (expected["expect"].get("tcb_status") == "UpToDate" and
                    not {"DEBUG", "RESERVED_ATTRIBUTE_BITS"} & set(expected["expect"].get("td_flags", [])))
            assert (code == 0) == good, "%s: %s" % (case, line)
            tried += 1
        assert tried > 10

    def manual_has_every_call_as_the_header_declares_it(self):
        pages, header = documented(), prototypes()
        assert sorted(pages) == sorted(header), "%s" % (set(pages) ^ set(header))
        for name, (prototype, page) in pages.items():
            assert prototype == header[name], "%s: %s, header: %s" % (page, prototype, header[name])

    def manual_pages_are_clean(self):
        if not shutil.which("mandoc"):
            raise Skip("no mandoc")
        pages = [os.path.join(MAN, page) for page in sorted(os.listdir(MAN)) if page.endswith(".3")]
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "style"] + pages, capture_output=True, text=True,
                              timeout=30)
        wrong = [line for line in (done.stdout + done.stderr).splitlines()
                 if "referenced manual not found" not in line and "mandoc.db" not in line]
        assert not wrong, "\n".join(wrong)


def main():
    names = [name for name, value in vars(Test).items()
             if callable(value) and name not in ("__init__", "flags", "verdict", "simulated", "judges_simulated_quotes")]
    print("TAP version 13\n1..%d" % len(names))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        test = Test(folder, *(os.path.abspath(path) for path in sys.argv[1:4]))
        for index, name in enumerate(names, 1):
            note = ""
            try:
                getattr(test, name)()
                result = "ok"
            except Skip as reason:
                result, note = "ok", " # SKIP %s" % reason
            except Exception as wrong:  # a broken step must not hide the others
                result, failed = "not ok", failed + 1
                print("# " + str(wrong).replace("\n", "\n# "))
            print("%s %d - %s%s" % (result, index, name, note), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
