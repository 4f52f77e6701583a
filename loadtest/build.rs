//! Registers the server's schema with cynic, so that the compiler checks queries against it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../schema.graphql");
    cynic_codegen::register_schema("rowlock").from_sdl_file("../schema.graphql")?.as_default()?;
    Ok(())
}
