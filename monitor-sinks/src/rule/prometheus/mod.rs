//! Rule files of Prometheus, in and out.
//!
//! What is read means here what it means there: each element of the result is an alert, and one that is no longer there is
//! none any more. What is written is what Prometheus can be told; [`Written::notes`] lists the rest, so that nobody relies
//! on a hysteresis that stayed behind.
//!
//! - `read`: YAML into groups. `write`: groups into YAML. `go`: templates of Go, from and to ours.

mod go;
mod read;
mod write;

pub(super) use self::read::{duration_of, yaml_error};
pub use self::{
    read::read,
    write::{Written, write},
};

#[cfg(test)]
mod tests;
