//! Registers the server's schema with cynic, so a query that doesn't match it doesn't compile.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../schema.graphql");
    cynic_codegen::register_schema("rowlock")
        .from_sdl_file("../../schema.graphql")?
        .as_default()?;
    Ok(())
}
