# SPDX-License-Identifier: Apache-2.0
"""The tables of http_conformance_test.py. Each row is (name, bytes, expectation). A set of numbers: refused with one of
these, closed, and nothing of it has reached the backend. A tuple: answered by the gateway, and the connection goes on. A
function: passed on; it gets the backend's report and the answer, and gives what is wrong."""
from wire import Client

H = b"Host: echo\r\n"
E = b"\r\n"
BAD = {400}


def get(fields=b"", target=b"/", method=b"GET", host=H, version=b"HTTP/1.1"):
    return method + b" " + target + b" " + version + E + host + fields + E


def post(fields, body=b"", target=b"/"):
    return get(fields, target, b"POST") + body


def chunked(body, target=b"/"):
    return post(b"Transfer-Encoding: chunked\r\n", body, target)


def fields_of(report, name):
    return [value for key, value in report["fields"] if key.lower() == name.lower()]


def passed(body=None, target=None, method=None, has=(), lacks=(), host=None):
    """The backend got this, no more."""
    def check(report, _):
        for what, want in (("body", body), ("target", target), ("method", method)):
            if want is not None and report[what] != want:
                return f"{what} {report[what]!r}, expected {want!r}"
        if host is not None and fields_of(report, "Host") != [host]:
            return f"Host {fields_of(report, 'Host')}"
        for name, value in has:
            if fields_of(report, name) != [value]:
                return f"{name}: {fields_of(report, name)}, expected {value!r}"
        for name in lacks:
            if fields_of(report, name):
                return f"{name}: {fields_of(report, name)} was passed on"
        return None
    return check


class no_effect:
    """Refused, or passed on without this field anywhere."""

    def __init__(self, line):
        self.name, self.value = (part.strip().decode() for part in line.split(b":", 1))

    def run(self, network, data):
        with Client(network.address("http"), data) as client:
            answer = client.final()
            if answer.status == 400:
                return None if client.closed() else "still open after a refusal"
            if answer.status != 200:
                return f"status {answer.status}"
        report = answer.json
        found = [v for n, v in report["fields"] + report["trailers"] if n.lower() == self.name.lower() and v == self.value]
        return "it was passed on" if found and (self.name, self.value) != ("Transfer-Encoding", "chunked") else None


# ---- request line ----

REQUEST_LINES = [
    ("plain", get(), passed(target="/", method="GET", host="echo")),
    ("one empty line before", E + get(), passed(target="/")),
    ("two empty lines before", E + E + get(), BAD),
    ("only LF before", b"\n" + get(), BAD),
    ("query", get(target=b"/a/b?c=d&e"), passed(target="/a/b?c=d&e")),
    ("percent encodings kept", get(target=b"/%2e%2E/%2F%00%zz?%0d%0a"), passed(target="/%2e%2E/%2F%00%zz?%0d%0a")),
    ("dot segments kept", get(target=b"/a/../b/./c"), passed(target="/a/../b/./c")),
    ("double slashes kept", get(target=b"//a//b"), passed(target="//a//b")),
    ("empty query kept", get(target=b"/?"), passed(target="/?")),
    ("semicolon and comma", get(target=b"/a;b=c,d"), passed(target="/a;b=c,d")),
    ("plus and star", get(target=b"/a+b*c?d=+*"), passed(target="/a+b*c?d=+*")),
    ("long target of 8000", get(target=b"/" + b"a" * 8000), passed(target="/" + "a" * 8000)),
    ("0.9 without version", b"GET /smuggled\r\n", {400, 505}),
    ("0.9 with fields", b"GET /smuggled\r\nHost: echo\r\n\r\n", {400, 505}),
    ("two spaces before the target", b"GET  / HTTP/1.1\r\n" + H + E, BAD),
    ("two spaces before the version", b"GET /  HTTP/1.1\r\n" + H + E, BAD),
    ("space behind the version", b"GET / HTTP/1.1 \r\n" + H + E, BAD),
    ("tab behind the version", b"GET / HTTP/1.1\t\r\n" + H + E, BAD),
    ("leading space", b" GET / HTTP/1.1\r\n" + H + E, BAD),
    ("leading tab", b"\tGET / HTTP/1.1\r\n" + H + E, BAD),
    ("tab as separator", b"GET\t/ HTTP/1.1\r\n" + H + E, BAD),
    ("vertical tab as separator", b"GET\x0b/ HTTP/1.1\r\n" + H + E, BAD),
    ("form feed as separator", b"GET /\x0cHTTP/1.1\r\n" + H + E, BAD),
    ("space in the target", b"GET /a b HTTP/1.1\r\n" + H + E, BAD),
    ("second version", b"GET / HTTP/1.1 HTTP/1.1\r\n" + H + E, BAD),
    ("method only", b"GET\r\n" + H + E, BAD),
    ("no method", b"/ HTTP/1.1\r\n" + H + E, BAD | {501}),
    ("empty method", b" / HTTP/1.1\r\n" + H + E, BAD),
    ("empty target", b"GET  HTTP/1.1\r\n" + H + E, BAD | {505}),
    ("lower case version", get(version=b"http/1.1"), BAD),
    ("version 1.1 with a letter", get(version=b"HTTP/1.x"), BAD),
    ("version with two digits", get(version=b"HTTP/1.10"), BAD),
    ("version with a leading zero", get(version=b"HTTP/01.1"), BAD),
    ("version without dot", get(version=b"HTTP/11"), BAD),
    ("version with a sign", get(version=b"HTTP/+1.1"), BAD),
    ("version with a space", get(version=b"HTTP /1.1"), BAD),
    ("version 0.9 spelled", get(version=b"HTTP/0.9"), {400, 505}),
    ("version 1.2", get(version=b"HTTP/1.2"), {400, 505}),
    ("version 2.0", get(version=b"HTTP/2.0"), {505}),
    ("version 3.0", get(version=b"HTTP/3.0"), {505}),
    ("almost the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", {400, 501, 505}),
    ("bare LF behind the request line", b"GET / HTTP/1.1\n" + H + E, BAD),
    ("bare CR in the target", get(target=b"/a\rb"), BAD),
    ("bare CR behind the request line", b"GET / HTTP/1.1\rHost: echo\r\n\r\n", BAD),
    ("CR CR LF", b"GET / HTTP/1.1\r\r\n" + H + E, BAD),
    ("NUL in the target", get(target=b"/a\0b"), BAD),
    ("NUL in the method", get(method=b"G\0T"), BAD),
    ("DEL in the target", get(target=b"/\x7f"), BAD),
    ("raw UTF-8 in the target", get(target="/é".encode()), BAD),
    ("raw Latin-1 in the target", get(target=b"/\xe9"), BAD),
    ("fragment in the target", get(target=b"/a#b"), BAD),
    ("target without slash", get(target=b"a"), BAD),
    ("target of a query only", get(target=b"?a"), BAD),
    ("target with backslash first", get(target=b"\\a"), BAD),
    ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), BAD),
    ("garbage", bytes(range(128, 256)) + E + E, BAD),
    ("SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", BAD),
    ("RTSP", get(version=b"RTSP/1.0"), BAD),
    ("request line of 9 KiB", get(target=b"/" + b"a" * 9000), {414}),
    ("request line of 64 KiB", get(target=b"/" + b"a" * 65536), {414}),
    ("method of 9 KiB", get(method=b"G" * 9000), {400, 414, 501}),
]

# ---- methods ----

UNKNOWN = [b"get", b"Get", b"GETT", b"FROB", b"GE T", b"G", b"POSTGET", b"PLAY", b"!#$%&'*+-.^_`|~", b"HTTP"]
REFUSED_METHODS = [b"G:T", b"G/T", b"(GET)", b"GET,POST", b"G\xc3\xa9T", b"\"GET\"", b"GE=T", b"[GET]", b"{GET}", b"G@T"]
METHODS = (
    [(f"{m.decode()} passes", get(method=m), passed(method=m.decode())) for m in
     (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"PROPFIND", b"REPORT", b"MKCOL", b"LOCK", b"SEARCH")] +
    [(f"unknown {m.decode()}", get(method=m), {400, 501}) for m in UNKNOWN] +
    [(f"not a token: {m!r}", get(method=m), BAD) for m in REFUSED_METHODS] +
    [("TRACE", get(method=b"TRACE"), {405, 501}),
     ("TRACE with Max-Forwards", get(b"Max-Forwards: 0\r\n", method=b"TRACE"), {405, 501}),
     ("CONNECT authority", get(method=b"CONNECT", target=b"echo:443"), {405, 501}),
     ("CONNECT path", get(method=b"CONNECT"), {400, 405, 501}),
     ("CONNECT absolute", get(method=b"CONNECT", target=b"http://echo/"), {400, 405, 501}),
     ("authority form for GET", get(target=b"echo:443"), BAD),
     ("star for OPTIONS", get(method=b"OPTIONS", target=b"*"), passed(method="OPTIONS", target="*")),
     ("star for GET", get(target=b"*"), BAD),
     ("star with more", get(method=b"OPTIONS", target=b"*/"), BAD),
     ("GET with a body", get(b"Content-Length: 4\r\n") + b"body", passed(body="body", method="GET")),
     ("DELETE with a body", get(b"Content-Length: 4\r\n", method=b"DELETE") + b"body", passed(body="body")),
     ("OPTIONS with chunks", get(b"Transfer-Encoding: chunked\r\n", method=b"OPTIONS") + b"2\r\nab\r\n0\r\n\r\n",
      passed(body="ab"))])

# ---- Host and the target's form ----

BAD_HOSTS = [b"", b" ", b"echo echo", b"echo,echo", b"echo/", b"echo/../x", b"echo?", b"echo#", b"user@echo", b"http://echo",
             b"echo:", b"echo:x", b"echo:-1", b"echo:65536", b"echo:99999999999", b"echo:80:80", b"echo:80 ", b"[::1", b"::1",
             b"[echo]", b"[::1]x", b"[1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:0:1:2:3:4:5:6:7:8]", b"echo\\", b".echo", b"ec..ho",
             b"ech\xc3\xb6", b"echo%2f", b"\"echo\"", b"e{c}ho", b"echo;x", b"echo\x01", b"a" * 256]
HOSTS = (
    [("name alone", get(), passed(host="echo")),
     ("name in capitals", get(host=b"Host: ECHO\r\n"), passed(host="ECHO")),
     ("field name in capitals", get(host=b"HOST: echo\r\n"), passed(host="echo")),
     ("with a port", get(host=b"Host: echo:8080\r\n"), passed(host="echo:8080")),
     ("name under the domain", get(host=b"Host: echo.apps.localhost\r\n"), passed(host="echo.apps.localhost")),
     ("with white space around", get(host=b"Host: \t echo \t \r\n"), passed(host="echo")),
     ("without space behind the colon", get(host=b"Host:echo\r\n"), passed(host="echo")),
     ("behind other fields", get(b"A: b\r\n" + H, host=b""), passed(host="echo")),
     ("path form", get(target=b"/apps/echo/x?y", host=b"Host: other\r\n"), passed(target="/x?y", host="other")),
     ("path form of the root", get(target=b"/apps/echo/", host=b"Host: other\r\n"), passed(target="/")),
     ("path form for an IPv6 host", get(target=b"/apps/echo/", host=b"Host: [::1]:80\r\n"), passed(host="[::1]:80")),
     ("missing", get(host=b""), BAD),
     ("twice", get(host=H + H), BAD),
     ("twice in other case", get(host=H + b"hOST: echo\r\n"), BAD),
     ("twice and different", get(host=H + b"Host: other\r\n"), BAD),
     ("twice around others", get(b"A: b\r\n" + H), BAD),
     ("space before the colon", get(host=b"Host : echo\r\n"), BAD),
     ("second hidden by a space", get(host=H + b"Host : other\r\n"), BAD),
     ("second hidden by a fold", get(host=b"X: y\r\n Host: other\r\n" + H), BAD),
     ("absolute form", get(target=b"http://echo/a?b"), passed(target="/a?b", host="echo")),
     ("absolute form in capitals", get(target=b"HTTP://ECHO/a"), passed(target="/a")),
     ("absolute form https", get(target=b"https://echo/a"), passed(target="/a")),
     ("absolute form without path", get(target=b"http://echo"), passed(target="/")),
     ("absolute form with query only", get(target=b"http://echo?a=b"), passed(target="/?a=b")),
     ("absolute form with port", get(target=b"http://echo:81/", host=b"Host: echo:81\r\n"), passed(target="/")),
     ("absolute form of another host", get(target=b"http://other/"), BAD),
     ("absolute form of another port", get(target=b"http://echo:81/"), BAD),
     ("absolute form with user", get(target=b"http://u:p@echo/"), BAD),
     ("absolute form with no host", get(target=b"http:///a"), BAD),
     ("absolute form without slashes", get(target=b"http:echo/a"), BAD),
     ("absolute form of another scheme", get(target=b"ftp://echo/"), BAD),
     ("absolute form of file", get(target=b"file:///etc/passwd"), BAD),
     ("absolute form without Host", get(target=b"http://echo/", host=b""), BAD),
     ("absolute form with a fragment", get(target=b"http://echo/#x"), BAD),
     ("1.0 without Host in path form", get(target=b"/apps/echo/a", host=b"", version=b"HTTP/1.0"),
      lambda report, _: None if len(fields_of(report, "Host")) == 1 else f"Host: {fields_of(report, 'Host')}"),
     ("1.0 with Host", get(version=b"HTTP/1.0"), passed(host="echo")),
     ("1.0 with two Hosts", get(host=H + H, version=b"HTTP/1.0"), BAD)] +
    [(f"invalid {h[:30]!r}", get(host=b"Host: " + h + E), BAD) for h in BAD_HOSTS if h != b"echo:80 "])

# ---- header lines ----

CONTROLS = [c for c in range(32) if c not in (9, 10, 13)] + [127]
SEPARATORS = b"\"(),/;<=>?@[\\]{}"
FIELDS = (
    [("value trimmed", get(b"X-A: \t b c \t\r\n"), passed(has=[("X-A", "b c")])),
     ("value empty", get(b"X-A:\r\n"), passed(has=[("X-A", "")])),
     ("value of white space", get(b"X-A: \t \r\n"), passed(has=[("X-A", "")])),
     ("value with colons", get(b"X-A: b:c: d\r\n"), passed(has=[("X-A", "b:c: d")])),
     ("value with a tab inside", get(b"X-A: b\tc\r\n"), passed(has=[("X-A", "b\tc")])),
     ("value of Latin-1", get(b"X-A: \xe9\xff\r\n"), passed(has=[("X-A", "\xe9\xff")])),
     ("value of UTF-8", get("X-A: é漢\r\n".encode()), passed(has=[("X-A", "é漢".encode().decode("latin-1"))])),
     ("value of quotes", get(b"X-A: \"b, c\\\"\"\r\n"), passed(has=[("X-A", "\"b, c\\\"\"")])),
     ("name of all tchar", get(b"!#$%&'*+-.^`|~09azAZ: b\r\n"), passed(has=[("!#$%&'*+-.^`|~09azAZ", "b")])),
     ("repeated field in order", get(b"X-A: 1\r\nX-B: x\r\nX-A: 2\r\n"),
      lambda report, _: None if fields_of(report, "X-A") == ["1", "2"] else "order or number changed"),
     ("name of one letter", get(b"X: y\r\n"), passed(has=[("X", "y")])),
     ("name with underscore is dropped", get(b"X_A: b\r\n"), passed(lacks=["X_A", "X-A"])),
     ("forged by underscore", get(b"X_Forwarded_For: 1.2.3.4\r\nContent_Length: 3\r\n"),
      passed(lacks=["X_Forwarded_For", "Content_Length"])),
     ("Authorization untouched", get(b"Authorization: Bearer a.b.c\r\n"), passed(has=[("Authorization", "Bearer a.b.c")])),
     ("cookies untouched", get(b"Cookie: a=b; c=\"d\"\r\n"), passed(has=[("Cookie", "a=b; c=\"d\"")])),
     ("Range untouched", get(b"Range: bytes=0-1, -5\r\n"), passed(has=[("Range", "bytes=0-1, -5")])),
     ("Accept-Encoding untouched", get(b"Accept-Encoding: gzip, br\r\n"), passed(has=[("Accept-Encoding", "gzip, br")])),
     ("line without colon", get(b"X-A\r\n"), BAD),
     ("line of a colon", get(b":\r\n"), BAD),
     ("line without name", get(b": b\r\n"), BAD),
     ("space before the colon", get(b"X-A : b\r\n"), BAD),
     ("tab before the colon", get(b"X-A\t: b\r\n"), BAD),
     ("space in the name", get(b"X A: b\r\n"), BAD),
     ("name with high byte", get(b"X-\xe9: b\r\n"), BAD),
     ("folded line with a space", get(b"X-A: b\r\n c\r\n"), BAD),
     ("folded line with a tab", get(b"X-A: b\r\n\tc\r\n"), BAD),
     ("folded first line", get(b"", host=b" X-A: b\r\n" + H), BAD),
     ("folded first line with a tab", get(b"", host=b"\tX: y\r\n" + H), BAD),
     ("folded empty line", get(b"X-A: b\r\n \r\n"), BAD),
     ("fold behind Host", get(host=b"Host: echo\r\n  .evil\r\n"), BAD),
     ("bare LF behind a field", get(b"X-A: b\nX-C: d\r\n"), BAD),
     ("bare LF at the end", b"GET / HTTP/1.1\r\n" + H + b"\n", BAD),
     ("only bare LF", b"GET / HTTP/1.1\nHost: echo\n\n", BAD),
     ("bare CR in a value", get(b"X-A: b\rc\r\n"), BAD),
     ("bare CR before CRLF", get(b"X-A: b\r\r\n"), BAD),
     ("bare CR as line end", get(b"X-A: b\rX-C: d\r\n"), BAD),
     ("CR in a name", get(b"X\rA: b\r\n"), BAD),
     ("LF in a name", get(b"X\nA: b\r\n"), BAD),
     ("end of CR CR LF", b"GET / HTTP/1.1\r\n" + H + b"\r\r\n", BAD),
     ("byte order mark", get(b"\xef\xbb\xbfX-A: b\r\n"), BAD),
     ("100 lines", get(b"".join(b"X-%d: y\r\n" % i for i in range(99))), passed(has=[("X-98", "y")])),
     ("101 lines", get(b"".join(b"X-%d: y\r\n" % i for i in range(100))), {431}),
     ("5000 lines", get(b"X: y\r\n" * 5000), {431}),
     ("value of 30 KiB", get(b"X-A: " + b"a" * 30000 + E), passed(has=[("X-A", "a" * 30000)])),
     ("value of 33 KiB", get(b"X-A: " + b"a" * 33000 + E), {431}),
     ("value of 1 MiB", get(b"X-A: " + b"a" * (1 << 20) + E), {431}),
     ("name of 33 KiB", get(b"a" * 33000 + b": b\r\n"), {431}),
     ("40 KiB in small fields", get(b"".join(b"X-%d: %s\r\n" % (i, b"a" * 500) for i in range(80))), {431})] +
    [(f"control {c:#x} in a value", get(b"X-A: b%cc\r\n" % c), BAD) for c in CONTROLS] +
    [(f"control {c:#x} in a name", get(b"X%cA: b\r\n" % c), BAD) for c in CONTROLS] +
    [(f"separator {chr(c)} in a name", get(b"X%cA: b\r\n" % c), BAD) for c in SEPARATORS])

# ---- lengths ----

BAD_LENGTHS = [b"", b"+3", b"-1", b"-0", b"3 3", b"3,3", b"3, 3", b"3,4", b"0x3", b"3h", b"3.0", b"1e1", b"\"3\"", b"3;a", b"three", b"3\x0b",
               b"9223372036854775808", b"18446744073709551616", b"18446744073709551619", b"99999999999999999999999999",
               b"4294967296000000000003", b"\xb2", "３".encode(), b"_3", b"3_0", b"(3)", b"0b11", b"3\t3", b"3/3"]
BAD_CODINGS = [b"identity", b"gzip", b"chunked, identity", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"chunkedx", b"chunk",
               b"\"chunked\"", b"'chunked'", b"chunked;q=1", b"chunked;", b"chunked,", b",chunked", b"", b"x", b"chun ked", b"chunked chunked",
               b"\x0bchunked", b"chunked\x0b", b"\xa0chunked", b"identity, chunked", b"deflate, chunked", b"gzip, chunked", b"cow, chunked",
               b"chunked, x", b"nothing-considered", b"trailers", b"0", b"chunked\x00", b"c\xcc\xa8hunked"]
L3 = b"Content-Length: 3\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"3\r\nabc\r\n0\r\n\r\n"
LENGTHS = (
    [("none", get(method=b"POST"), passed(body="", method="POST")),
     ("0", post(b"Content-Length: 0\r\n"), passed(body="")),
     ("3", post(L3, b"abc"), passed(body="abc", has=[("Content-Length", "3")])),
     ("leading zeros are normalised", post(b"Content-Length: 0003\r\n", b"abc"), passed(body="abc", has=[("Content-Length", "3")])),
     ("00 is 0", post(b"Content-Length: 00\r\n"), passed(body="")),
     ("white space around", post(b"Content-Length: \t3 \r\n", b"abc"), passed(body="abc")),
     ("name in lower case", post(b"content-length: 3\r\n", b"abc"), passed(body="abc")),
     ("body with all bytes", post(b"Content-Length: 256\r\n", bytes(range(256))), passed(body=bytes(range(256)).decode("latin-1"))),
     ("body of CRLFs", post(b"Content-Length: 8\r\n", b"\r\n\r\n0\r\n\r"), passed(body="\r\n\r\n0\r\n\r")),
     ("body that looks like a request", post(b"Content-Length: 38\r\n", b"GET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n"[:38]),
      passed(body="GET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n"[:38])),
     ("twice the same", post(L3 + L3, b"abc"), BAD),
     ("twice different", post(L3 + b"Content-Length: 4\r\n", b"abcd"), BAD),
     ("twice in other case", post(L3 + b"CONTENT-LENGTH: 3\r\n", b"abc"), BAD),
     ("second hidden by a space", post(L3 + b"Content-Length : 4\r\n", b"abcd"), BAD),
     ("second folded", post(b"Content-Length: 3\r\n 4\r\n", b"abc"), BAD),
     ("chunked", post(TE, CHUNK), passed(body="abc", lacks=["Content-Length"])),
     ("Chunked in capitals", post(b"TRANSFER-ENCODING: CHUNKED\r\n", CHUNK), passed(body="abc")),
     ("chunked with white space", post(b"Transfer-Encoding:  chunked  \r\n", CHUNK), passed(body="abc")),
     ("CL then TE", post(L3 + TE, CHUNK), BAD),
     ("TE then CL", post(TE + L3, CHUNK), BAD),
     ("CL 0 then TE", post(b"Content-Length: 0\r\n" + TE, CHUNK), BAD),
     ("TE in capitals and CL", post(L3 + b"TRANSFER-ENCODING: chunked\r\n", CHUNK), BAD),
     ("TE unknown and CL", post(L3 + b"Transfer-Encoding: x\r\n", b"abc"), {400, 501}),
     ("TE identity and CL", post(L3 + b"Transfer-Encoding: identity\r\n", b"abc"), {400, 501}),
     ("TE hidden by a space and CL", post(L3 + b"Transfer-Encoding : chunked\r\n", CHUNK), BAD),
     ("TE hidden by a tab and CL", post(L3 + b"Transfer-Encoding\t: chunked\r\n", CHUNK), BAD),
     ("TE folded and CL", post(L3 + b"Transfer-Encoding:\r\n chunked\r\n", CHUNK), BAD),
     ("TE behind a bare LF", post(L3 + b"X: y\nTransfer-Encoding: chunked\r\n", CHUNK), BAD),
     ("TE behind a bare CR", post(L3 + b"X: y\rTransfer-Encoding: chunked\r\n", CHUNK), BAD),
     ("TE behind a NUL", post(L3 + b"X: y\0Transfer-Encoding: chunked\r\n", CHUNK), BAD),
     ("TE with an underscore is not TE", post(L3 + b"Transfer_Encoding: chunked\r\n", b"abc"), passed(body="abc", lacks=["Transfer_Encoding"])),
     ("TE named in Connection and CL", post(L3 + TE + b"Connection: Transfer-Encoding\r\n", CHUNK), BAD),
     ("CL named in Connection", post(L3 + b"Connection: Content-Length\r\n", b"abc"), passed(body="abc", has=[("Content-Length", "3")])),
     ("TE named in Connection", post(TE + b"Connection: Transfer-Encoding\r\n", CHUNK), passed(body="abc")),
     ("TE twice", post(TE + TE, CHUNK), BAD),
     ("TE twice, identity second", post(TE + b"Transfer-Encoding: identity\r\n", CHUNK), BAD),
     ("TE twice, unknown first", post(b"Transfer-Encoding: x\r\n" + TE, CHUNK), {400, 501}),
     ("TE twice, chunked first", post(TE + b"Transfer-Encoding: x\r\n", CHUNK), BAD),
     ("TE in 1.0", b"POST / HTTP/1.0\r\n" + H + TE + E + CHUNK, BAD),
     ("TE and CL in 1.0", b"POST / HTTP/1.0\r\n" + H + TE + L3 + E + CHUNK, BAD),
     ("CL in 1.0", b"POST / HTTP/1.0\r\n" + H + L3 + E + b"abc", passed(body="abc"))] +
    [(f"length {v[:30]!r}", post(b"Content-Length: " + v + E, b"abc"), BAD) for v in BAD_LENGTHS] +
    [(f"coding {v[:30]!r}", post(b"Transfer-Encoding: " + v + E, CHUNK), {400, 501}) for v in BAD_CODINGS])

# ---- chunks ----

BAD_SIZES = [b"", b" 3", b"3 ", b"3 \t", b"\t3", b"+3", b"-3", b"0x3", b"3h", b"x", b"g", b"3\0", b"3 3", b"3,", b"3:", b"3=", b"3\x0b", b"_3", b"0X3",
             b"1234567890abcdef0", b"ffffffffffffffff", b"10000000000000000", b"8000000000000000", b"00000000000000003",
             b"\xb2", "３".encode(), b"3\x80", b"\"3\"", b"3#"]
BAD_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"", b" \r\n", b"\0\r\n", b"XX", b"X\r\n", b"\r \n", b";\r\n"]
HARMFUL_TRAILERS = [b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Host: other", b"Connection: close", b"Authorization: Bearer x",
                      b"Cookie: a=b", b"Set-Cookie: a=b", b"Content-Type: x", b"Content-Encoding: gzip", b"Content-Range: x", b"Trailer: x",
                      b"TE: trailers", b"Upgrade: websocket", b"Expect: 100-continue", b"Cache-Control: no-cache", b"Forwarded: for=x",
                      b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: x", b"Max-Forwards: 1",
                      b"X-Real-IP: 1.2.3.4", b"X-Ee-Account: root", b"Proxy-Authorization: x", b"Keep-Alive: 5", b"Range: bytes=0-1",
                      b"If-Match: x", b"Via: 1.1 x", b"WWW-Authenticate: x", b"Date: x", b"Location: x", b"Age: 1", b"Vary: x",
                      b"X-Forwarded-Port: 1", b"Proxy-Connection: close", b"Proxy-Authenticate: x", b"If-None-Match: x"]
CHUNKS = (
    [("one", chunked(b"3\r\nabc\r\n0\r\n\r\n"), passed(body="abc")),
     ("two", chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), passed(body="abcde")),
     ("none", chunked(b"0\r\n\r\n"), passed(body="")),
     ("capital digits", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), passed(body="0123456789")),
     ("small digits", chunked(b"a\r\n0123456789\r\n0\r\n\r\n"), passed(body="0123456789")),
     ("leading zeros", chunked(b"0003\r\nabc\r\n000\r\n\r\n"), passed(body="abc")),
     ("CRLF inside", chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), passed(body="\r\n\r\n")),
     ("data that looks like the end", chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), passed(body="0\r\n\r\n")),
     ("extension", chunked(b"3;a=b\r\nabc\r\n0;c\r\n\r\n"), passed(body="abc")),
     ("extension quoted", chunked(b"3;a=\"b;c\"\r\nabc\r\n0\r\n\r\n"), passed(body="abc")),
     ("extension with bare LF", chunked(b"3;a\nabc\r\n0\r\n\r\n"), BAD),
     ("extension with bare CR", chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"), BAD),
     ("extension with NUL", chunked(b"3;a\0b\r\nabc\r\n0\r\n\r\n"), BAD),
     ("extension with LF in quotes", chunked(b"3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), BAD),
     ("extension of 200", chunked(b"3;" + b"a" * 200 + b"\r\nabc\r\n0\r\n\r\n"), passed(body="abc")),
     ("extension of 300", chunked(b"3;" + b"a" * 300 + b"\r\nabc\r\n0\r\n\r\n"), BAD),
     ("extension of 1 MiB", chunked(b"3;" + b"a" * (1 << 20) + b"\r\nabc\r\n0\r\n\r\n"), BAD),
     ("size line of bare LF", chunked(b"3\nabc\r\n0\r\n\r\n"), BAD),
     ("size line of bare CR", chunked(b"3\rabc\r\n0\r\n\r\n"), BAD),
     ("data too long", chunked(b"3\r\nabcd\r\n0\r\n\r\n"), BAD),
     ("data too short", chunked(b"4\r\nabc\r\n0\r\n\r\n"), BAD),
     ("last chunk of bare LF", chunked(b"3\r\nabc\r\n0\n\n"), BAD),
     ("end of bare LF", chunked(b"3\r\nabc\r\n0\r\n\n"), BAD),
     ("end of bare CR", chunked(b"3\r\nabc\r\n0\r\n\rX"), BAD),
     ("end of junk", chunked(b"3\r\nabc\r\n0\r\nX\r\n\r\n"), BAD),
     ("trailer", chunked(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
     lambda report, _: None if report["trailers"] == [["X-Sum", "1"]] and report["body"] == "abc" else f"{report}"),
     ("trailer without colon", chunked(b"0\r\nX-Sum\r\n\r\n"), BAD),
     ("trailer with a space before the colon", chunked(b"0\r\nX-Sum : 1\r\n\r\n"), BAD),
     ("trailer folded", chunked(b"0\r\nX-Sum: 1\r\n 2\r\n\r\n"), BAD),
     ("trailer with NUL", chunked(b"0\r\nX-Sum: \0\r\n\r\n"), BAD),
     ("trailer with bare LF", chunked(b"0\r\nX-Sum: 1\n\r\n"), BAD),
     ("trailer of 9 KiB", chunked(b"0\r\nX-Sum: " + b"a" * 9000 + b"\r\n\r\n"), {431}),
     ("trailer of 200 lines", chunked(b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n"), {431})] +
    [(f"size {v[:20]!r}", chunked(v + b"\r\nabc\r\n0\r\n\r\n"), BAD) for v in BAD_SIZES] +
    [(f"behind the data {v!r}", chunked(b"3\r\nabc" + v + b"0\r\n\r\n"), BAD) for v in BAD_ENDS] +
    [(f"harmful trailer {v.decode()}", chunked(b"0\r\n" + v + b"\r\n\r\n"), no_effect(v)) for v in HARMFUL_TRAILERS])

# ---- what a proxy does to fields ----

CLIENT = "127.0.0.1"
SMUGGLED = b"26\r\nGET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n\r\n0\r\n\r\n"
HOP = [b"Keep-Alive: 5", b"Proxy-Connection: keep-alive", b"Proxy-Authorization: x", b"Proxy-Authenticate: x", b"TE: trailers", b"TE: gzip",
       b"Trailer: X-Sum", b"Upgrade: h2c", b"Upgrade: websocket", b"Upgrade: TLS/1.0", b"HTTP2-Settings: x\r\nConnection: HTTP2-Settings",
       b"X-Own: 1\r\nConnection: X-Own", b"X-Own: 1\r\nConnection: close, x-own", b"X-Own: 1\r\nConnection: keep-alive\r\nConnection: X-OWN",
       b"X-Own: 1\r\nConnection: , ,X-Own,,", b"X-Own: 1\r\nConnection: \t X-Own \t,a", b"X-Ee-Account: root", b"x-ee-lease: 1",
       b"Forwarded: for=1.2.3.4", b"X-Real-IP: 1.2.3.4", b"X-Forwarded-Port: 1", b"X-Forwarded-Server: x", b"X-Forwarded-Prefix: /x"]
FORWARDING = (
    [(f"dropped: {v!r}", get(v + E), passed(lacks=[v.split(b":")[0].decode()])) for v in HOP] +
    [("X-Forwarded-For is set", get(), passed(has=[("X-Forwarded-For", CLIENT)])),
     ("X-Forwarded-For is appended to", get(b"X-Forwarded-For: 1.2.3.4\r\n"), passed(has=[("X-Forwarded-For", f"1.2.3.4, {CLIENT}")])),
     ("X-Forwarded-For of two lines", get(b"X-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8\r\n"),
      passed(has=[("X-Forwarded-For", f"1.2.3.4, 5.6.7.8, {CLIENT}")])),
     ("X-Forwarded-For empty", get(b"X-Forwarded-For:\r\n"), passed(has=[("X-Forwarded-For", CLIENT)])),
     ("X-Forwarded-For of 4 KiB", get(b"X-Forwarded-For: " + b"1.2.3.4, " * 450 + b"5.6.7.8\r\n"), (431,)),
     ("X-Forwarded-For named in Connection", get(b"X-Forwarded-For: 1.2.3.4\r\nConnection: X-Forwarded-For\r\n"),
      passed(has=[("X-Forwarded-For", f"1.2.3.4, {CLIENT}")])),
     ("X-Forwarded-Proto is ours", get(b"X-Forwarded-Proto: https\r\n"), passed(has=[("X-Forwarded-Proto", "http")])),
     ("X-Forwarded-Proto named in Connection", get(b"Connection: X-Forwarded-Proto\r\n"), passed(has=[("X-Forwarded-Proto", "http")])),
     ("X-Forwarded-Host is ours", get(b"X-Forwarded-Host: evil\r\n"), passed(has=[("X-Forwarded-Host", "echo")])),
     ("Host named in Connection stays", get(b"Connection: Host\r\n"), passed(host="echo")),
     ("Authorization named in Connection stays", get(b"Authorization: x\r\nConnection: Authorization\r\n"), passed(has=[("Authorization", "x")])),
     ("Cookie named in Connection stays", get(b"Cookie: x=y\r\nConnection: cookie\r\n"), passed(has=[("Cookie", "x=y")])),
     ("Via is set", get(), passed(has=[("Via", "1.1 easyenclave")])),
     ("Via is appended to", get(b"Via: 1.0 fred\r\n"), passed(has=[("Via", "1.0 fred, 1.1 easyenclave")])),
     ("Via of 1.0", get(version=b"HTTP/1.0"), passed(has=[("Via", "1.0 easyenclave")])),
     ("Via named in Connection", get(b"Via: 1.0 fred\r\nConnection: Via\r\n"), passed(has=[("Via", "1.0 fred, 1.1 easyenclave")])),
     ("33 names in Connection", get(b"Connection: " + b",".join(b"a%d" % i for i in range(33)) + E), (431,)),
     ("a backend is spoken to in 1.1", get(version=b"HTTP/1.0"),
      lambda report, _: None if report["version"] == "HTTP/1.1" else report["version"]),
     ("Expect is answered, not passed on", post(L3 + b"Expect: 100-continue\r\n", b"abc"), passed(body="abc", lacks=["Expect"])),
     ("Max-Forwards of a GET stays", get(b"Max-Forwards: 3\r\n"), passed(has=[("Max-Forwards", "3")])),
     ("Max-Forwards of OPTIONS counts", get(b"Max-Forwards: 3\r\n", method=b"OPTIONS"), passed(has=[("Max-Forwards", "2")])),
     ("Max-Forwards that is no number", get(b"Max-Forwards: x\r\n", method=b"OPTIONS"), passed(has=[("Max-Forwards", "x")])),
     ("upgrade of a POST is no upgrade", post(L3 + b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"abc"),
      passed(body="abc", lacks=["Upgrade"])),
     ("upgrade to h2c is no upgrade", get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
      passed(lacks=["Upgrade", "HTTP2-Settings"])),
     ("upgrade of a chunked POST", chunked(CHUNK).replace(H, H + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), passed(body="abc")),
     ("smuggling by a chunked upgrade", chunked(SMUGGLED).replace(H, H + b"Connection: Upgrade\r\nUpgrade: h2c\r\n", 1),
      passed(body="GET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n")),
     ("smuggling by a websocket handshake with a body", get(
         b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + TE)
      + SMUGGLED, passed(body="GET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n"))])
