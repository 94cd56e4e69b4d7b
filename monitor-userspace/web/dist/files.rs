// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-DJ7bXZIG.js", kind: "text/javascript; charset=utf-8", tag: "\"018d965c1276bfc25700a518c8a6ae73\"", is_hashed: true, bytes: include_bytes!("assets/index-DJ7bXZIG.js") },
    File { path: "/assets/index-JXSeaFI0.css", kind: "text/css; charset=utf-8", tag: "\"ca0801cb33309628b652ad6594a8b3ad\"", is_hashed: true, bytes: include_bytes!("assets/index-JXSeaFI0.css") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"90cf94e2529f678bf706f8e5340db528\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
