// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-CR2DjtMy.js", kind: "text/javascript; charset=utf-8", tag: "\"401f9318a24249ce87484c7bf74424a8\"", is_hashed: true, bytes: include_bytes!("assets/index-CR2DjtMy.js") },
    File { path: "/assets/index-D4X_tXJr.css", kind: "text/css; charset=utf-8", tag: "\"21e32dc13d12b343180ba57d95a41d5e\"", is_hashed: true, bytes: include_bytes!("assets/index-D4X_tXJr.css") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"8e8ed1c65dbdd0f62c7e899668795071\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
