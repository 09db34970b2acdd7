//! Wrong handlers, and what the compiler says about them.

#[test]
fn wrong_handlers_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
