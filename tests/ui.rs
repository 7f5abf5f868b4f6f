//! What the attribute accepts, and what it says about what it does not.
//!
//! `ui/pass` holds a program for every shape of item; they forbid all warnings. `ui/fail` holds a program for every
//! mistake, named after it, with the exact text of the error.

#[test]
fn every_shape_of_item_compiles_and_every_mistake_is_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
