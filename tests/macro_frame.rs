//! Promise: a monitored recursion needs little more stack than the bare one, in a build without optimisation too.

#![allow(clippy::self_only_used_in_recursion, reason = "methods need a self to be methods")]

use std::hint::black_box;

use monitored::monitored;

/// What a frame may be larger, in bytes.
const ALLOWED: usize = 128;

/// How deep the recursion goes over which a frame is averaged.
const DEPTH: usize = 64;

/// About where the stack ends now.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    black_box(std::ptr::from_ref(&local).addr())
}

fn bare_number(depth: usize) -> usize {
    if depth == 0 { here() } else { black_box(bare_number(depth - 1)) }
}

#[monitored]
fn number(depth: usize) -> usize {
    if depth == 0 { here() } else { black_box(number(depth - 1)) }
}

struct Tree {
    name: [u64; 4],
}

impl Tree {
    fn bare_walk(&self, depth: usize, path: &[u64]) -> Vec<u64> {
        if depth == 0 { vec![here() as u64] } else { black_box(self.bare_walk(depth - 1, &path[..0])) }
    }

    #[monitored]
    fn walk(&self, depth: usize, path: &[u64]) -> Vec<u64> {
        if depth == 0 { vec![here() as u64] } else { black_box(self.walk(depth - 1, &path[..0])) }
    }

    fn bare_check(&self, depth: usize) -> Result<usize, String> {
        if depth == 0 {
            return Ok(here());
        }
        Ok(black_box(self.bare_check(depth - 1)?))
    }

    #[monitored]
    fn check(&self, depth: usize) -> Result<usize, String> {
        if depth == 0 {
            return Ok(here());
        }
        Ok(black_box(self.check(depth - 1)?))
    }
}

/// The bytes of a frame: the difference of the ends of two stacks.
fn frame(end: impl Fn(usize) -> usize) -> usize {
    // The first call of a thread goes another way.
    end(0);
    (end(0) - end(DEPTH)) / DEPTH
}

#[test]
fn a_monitored_frame_is_little_larger_than_the_bare_one() {
    let tree = Tree { name: [1; 4] };
    black_box(&tree.name);
    for (what, bare, monitored) in [
        ("a number", frame(bare_number), frame(number)),
        (
            "a vector",
            frame(|depth| tree.bare_walk(depth, &[])[0] as usize),
            frame(|depth| tree.walk(depth, &[])[0] as usize),
        ),
        ("a result", frame(|depth| tree.bare_check(depth).unwrap()), frame(|depth| tree.check(depth).unwrap())),
    ] {
        println!("{what}: {bare} bytes bare, {monitored} monitored");
        assert!(monitored <= bare + ALLOWED, "{what}: {monitored} bytes, {bare} without the attribute");
    }
}
