/* SPDX-License-Identifier: Apache-2.0 */
/* The longer texts of `ee help VERB`. */
#include <string.h>

#include "command.h"

#include "base/banned.h"

#define LAUNCH_TEXT                                                                                \
    "  -e K=V           part of the environment: measured, and visible to the control plane\n"     \
    "  --secret K=@FILE sealed to the agent that was verified; K=- reads standard input\n"         \
    "  --vcpus N        default 1\n"                                                               \
    "  --max-price P    dollars per vCPU-hour; default: any\n"                                     \
    "  --memory MIB     default: what the agent gives (512)\n"                                     \
    "  --node NODE      this node or none\n"                                                       \
    "  --allow-plain    let -e carry a name that looks like a secret's\n"

static const struct {
    const char *words, *text;
} texts[] = {
    {"dev",
     "Starts a control plane and three agents on loopback. The same --state goes on where it\n"
     "stopped; without one it is $XDG_STATE_HOME/ee/dev. As root, workloads run as other users;\n"
     "as anybody else they run as you.\n"
     "  --json           the first line is one JSON document with addresses, profiles and pids\n"
     "  --expose N=A     makes the loopback service A reachable as the app N\n"
     "  --http ADDR      address of the plain path form http://ADDR/apps/APP/\n"},
    {"statement",
     "  --csv            RFC 4180 with a line of names; cells that a spreadsheet would run as a\n"
     "                   formula have an apostrophe before them\n"
     "  --from, --to     times such as 2026-01-31T00:00:00Z: from <= line < to\n"
     "  --newest         newest lines first; --limit N: so many lines\n"
     "  --after SEQ      not before the history has reached that sequence number\n"
     "  --follow         go on with new lines until Ctrl-C\n"
     "With --json every line is one JSON object. Amounts are dollars: what moved, what that "
     "changed\n"
     "in the available credits, and what was available and locked after it.\n"},
    {"mint", "The same --ref with the same values mints once; with others it is refused.\n"},
    {"run", LAUNCH_TEXT
     "  --name NAME      default: job- and eight digits\n"
     "  --timeout S      stop waiting after S seconds (exit 9); the job goes on\n"
     "  --detach         do not wait; see ee ps, ee logs\n"
     "\n"
     "CMD is an absolute path, or a name in PATH, on the agent's machine. It starts in an empty\n"
     "folder of its own, with nothing but -e and --secret in its environment, and reads nothing\n"
     "from standard input. Output and exit code come when it has ended. Ctrl-C leaves it\n"
     "running: ee stop NAME ends it. Nothing is charged for what could not start.\n"},
    {"deploy", LAUNCH_TEXT
     "  --port PORT      where the app listens on 127.0.0.1 of the agent's machine\n"
     "  --timeout S      wait so long until it runs; default 120\n"
     "  --no-wait        do not wait\n"
     "\n"
     "CMD is an absolute path, or a name in PATH, on the agent's machine; the process runtime\n"
     "starts it as another user when the agent is root, so folders of the path must be open to\n"
     "all. An app with secrets is not moved by itself when its node is lost: deploy it again.\n"},
    {"connect",
     "Listens on 127.0.0.1:PORT (any free port without -p) until Ctrl-C. The gateway's key is\n"
     "the attested one; TLS ends in the attested control plane.\n"},
    {"collateral import",
     "FILE is what curl saved: bodies, header files of curl -D, both in one of curl -i, PEM, DER,\n"
     "hex, or a PCCS platform document; what each is follows from its content. Says what is "
     "missing\n"
     "and the path to fetch it from. Refuses what does not prove now.\n"
     "  --fmspc HEX      of several platform families this one\n"
     "  --set SET        of two TCB sets this one\n"
     "  --allow-expired  genuine parts outside their time as well\n"
     "  --no-verify      write without proving anything\n"
     "Roots: --root, --genesis, else the profile's genesis, else Intel's production root.\n"},
    {"collateral status",
     "Exit 0: valid. 6: valid, but it ends within --warn days (7). 7: expired or not genuine.\n"},
    {"collateral push",
     "Only newer and only valid: no date, evaluation number or CRL number may go back. It is used\n"
     "from the answer on, without a restart.\n"
     "  --early          the coming TCB set: decides nothing, warns operators whose nodes will "
     "fail\n"},
    {"evidence fetch",
     "Verified before it is written, with the collateral it was verified with, the agent's event\n"
     "log and the logged changes of the allow-list. Without -o the file is named after what was\n"
     "asked for.\n"},
    {"evidence pack",
     "QUOTE in any form tools write it; CCEL is /sys/firmware/acpi/tables/data/CCEL, dstack the\n"
     "JSON list of events. With an evidence document or bundle as argument, that is completed.\n"
     "Nothing is judged. Without --time the bundle is to be verified as of now, or, when that is\n"
     "outside what the collateral says, as of its issue.\n"},
    {"evidence show", "Needs no network and judges nothing.\n"},
    {"evidence verify",
     "Needs no network. Without --network and --root the quote must lead to Intel's production\n"
     "root. --network GENESIS also judges the claims, and the allow-list with the signed changes\n"
     "in the bundle. Every event log in it must replay to the quote. --policy is none, strict\n"
     "(default; with --network: network) or a file. Exit 7: refused.\n"},
    {"verify quote",
     "QUOTE is raw, hex, base64, a JSON array of bytes, or JSON with a member quote; - reads\n"
     "standard input.\n"
     "  --collateral FILE  TCB Info, QE identity, CRLs and issuer chains (ee collateral)\n"
     "  --root FILE        PEM of the roots to accept instead of Intel's production root\n"
     "  --time UNIX        verify as of this time; default: now\n"
     "  --policy strict    refuse anything but UpToDate, and debug TDs\n"
     "  --policy network   and whatever lets the host or another TD in\n"
     "  --policy FILE      rules of your own: docs/spec/policy.md\n"
     "  --azure FILE       the paravisor's (HCL) report: its claims must be bound to the quote\n"
     "The last line is 'OK STATUS [FLAGS]' (exit 0) or 'REJECT REASON' (exit 7).\n"},
    {"tdx probe",
     "  --tdx-device     auto (default), configfs[:DIR], tdx_guest[:unix:PATH|:vsock:PORT], or\n"
     "                   sim:FILE, the software TDX of a development network (SIMULATED)\n"
     "  --tdx-rtmr DIR   where the measurement registers are, if not in sysfs\n"
     "  --timeout S      for the quote; default 45\n"
     "  -o FILE          keep the quote; ee verify quote judges it\n"
     "\n"
     "Run it in the TD as the user that will run ee-agent or ee-control. When there is no quote\n"
     "it says what is missing and what to do.\n"},
    {"tcb-status",
     "Compares a quote with the TCB set in force and the coming one (ee collateral).\n"
     "  --early FILE       collateral with the early TCB Info (update=early)\n"
     "  --policy P         none, strict, network (default) or a file\n"
     "Exit 0: accepted under every set given; 6: will fail under the early one; 7: fails now.\n"},
    {"policy set",
     "FILE is a policy file (docs/spec/policy.md); ee policy show prints one to start from. It\n"
     "replaces the whole policy: for clients, agents and the control plane.\n"
     "  --force          although it refuses the control plane itself\n"},
    {"verify evidence",
     "Needs no network. Without --genesis it is the profile's. Exit 7: refused.\n"},
    {"verify receipt",
     "Needs no network. Without --genesis it is the profile's. Exit 7: refused.\n"},
    {"verify equivocation",
     "Needs no network. FILE is what ee or an agent kept when it refused a network's head.\n"
     "Exit 0: proven that one key signed two histories; 7: not proven.\n"},
};

const char *ee_cli_help_more(const char *words)
{
    for (size_t i = 0; i < EE_CLI_COUNT(texts); i++)
        if (strcmp(texts[i].words, words) == 0)
            return texts[i].text;
    return "";
}
