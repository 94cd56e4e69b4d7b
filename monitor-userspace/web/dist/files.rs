// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-0jRB-CMY.js", kind: "text/javascript; charset=utf-8", tag: "\"194c45fc818454dbafc16a6b764aacbe\"", is_hashed: true, bytes: include_bytes!("assets/index-0jRB-CMY.js") },
    File { path: "/assets/index-BjUIV7tD.css", kind: "text/css; charset=utf-8", tag: "\"42db550c3d473d7d8d59763d19c8e1d9\"", is_hashed: true, bytes: include_bytes!("assets/index-BjUIV7tD.css") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"1a3d76a7163ab12c0862b36c5f51409b\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
