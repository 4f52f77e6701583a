//! Registers the server's schema with cynic, so that a query that doesn't fit it doesn't compile.

fn main() {
    println!("cargo:rerun-if-changed=../schema.graphql");
    cynic_codegen::register_schema("rowlock")
        .from_sdl_file("../schema.graphql")
        .expect("schema.graphql is valid: `cargo xtask schema` writes it")
        .as_default()
        .expect("the default schema is registered once");
}
