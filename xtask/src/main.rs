//! Long proofs and checks of the workspace: `cargo xtask help`.
fn main() {}
