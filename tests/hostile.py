"""Names that somebody typed to see what happens: 25 texts for every field that takes one."""

HOSTILE_NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea><svg onload=alert(1)>",
    "</template><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<style>@import'//x'</style>",
    "{{constructor.constructor('alert(1)')()}}",
    "{% debug %}{{7*7}}",
    "${alert(1)}`${alert(1)}`",
    "x' x-data='{a: alert(1)}' x-init='alert(1)",
    "=HYPERLINK(1)",
    "+1+1|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202egpj.exe",
    "\u2066gate\u2067etag",
    "\u200f\u05d0\u05d1\u05d2 12:34",
    "\u0645\u062f\u062e\u0644 (3)",
    "%s %(name)s {0} {name} %00",
    "&lt;script&gt;&amp;#x27;\\u003cscript\\u003e",
]

# The few that show whether a page escapes at all.
HOSTILE_MARKUP = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "' onload='x",
]
