// What a process may call itself to make a page do what it wants. Whatever runs sets `window.pwned`.

export const HOSTILE = [
  "<img src=x onerror=window.pwned=1>",
  "<script>window.pwned=1</script>",
  "\"><svg/onload=window.pwned=1>",
  "'-window.pwned=1-'",
  "javascript:window.pwned=1",
  "{{constructor.constructor('window.pwned=1')()}}",
  "${window.pwned=1}",
  "</title><iframe srcdoc='<script>parent.pwned=1</script>'>",
  "evil\u202egnp.exe",
  "two\nlines\tand\u001b[31mred\u0007",
  "zero\u200bwidth\u2066isolate",
  "__proto__",
  "constructor",
  "&lt;b&gt;&amp;#x3c;",
  "🦀 крab 蟹 سرطان",
  "x".repeat(4000),
];
