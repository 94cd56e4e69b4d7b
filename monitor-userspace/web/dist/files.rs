// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-BCgDjmEF.js", kind: "text/javascript; charset=utf-8", tag: "\"6b5ebf460f094d8899d5b265e68a990d\"", is_hashed: true, bytes: include_bytes!("assets/index-BCgDjmEF.js") },
    File { path: "/assets/index-Dpafrcef.css", kind: "text/css; charset=utf-8", tag: "\"bb68f5940f42d3061f0ec13b23beea86\"", is_hashed: true, bytes: include_bytes!("assets/index-Dpafrcef.css") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"490de083e649c6c6a611be1667bd44e2\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
