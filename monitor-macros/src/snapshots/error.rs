::core::compile_error! { "unknown argument `labels`; did you mean `tags`?" }
::core::compile_error! { "the name is empty; leave `name` out to use the function's own" }
fn work() -> u8 {
    1
}
