// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-Dpafrcef.css", kind: "text/css; charset=utf-8", tag: "\"bb68f5940f42d3061f0ec13b23beea86\"", is_hashed: true, bytes: include_bytes!("assets/index-Dpafrcef.css") },
    File { path: "/assets/index-VfYUMGQ3.js", kind: "text/javascript; charset=utf-8", tag: "\"19835ec00799bfed3dd47e3504d38f0f\"", is_hashed: true, bytes: include_bytes!("assets/index-VfYUMGQ3.js") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"74e3b2df636116f02fceac33a7d4c8fc\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
