// Made by `cargo xtask web`: change the sources, not this.
&[
    File { path: "/assets/index-CfTEYB7h.css", kind: "text/css; charset=utf-8", tag: "\"57786bd62605319bb3e28df1a711f024\"", is_hashed: true, bytes: include_bytes!("assets/index-CfTEYB7h.css") },
    File { path: "/assets/index-CfybhdG6.js", kind: "text/javascript; charset=utf-8", tag: "\"f7490040a42d7159ffd8c9363dbf7905\"", is_hashed: true, bytes: include_bytes!("assets/index-CfybhdG6.js") },
    File { path: "/", kind: "text/html; charset=utf-8", tag: "\"425c4b15e8d3a58c93cb946f0f18ba43\"", is_hashed: false, bytes: include_bytes!("index.html") },
    File { path: "/memwatch-health.js", kind: "text/javascript; charset=utf-8", tag: "\"fc53e2937c1f267cf99cd6e7dc404f27\"", is_hashed: false, bytes: include_bytes!("memwatch-health.js") },
]
