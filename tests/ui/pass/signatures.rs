//! Signatures of every shape: generics, patterns, ABIs, opaque and coerced returns, never.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::missing_safety_doc)]

use std::cell::{Ref, RefCell};
use std::error::Error;
use std::fmt::Display;

use monitored::monitored;

#[monitored]
fn generic<'a, T, const N: usize>(items: &'a [T; N], pick: impl Fn(&T) -> bool) -> Option<&'a T>
where
    T: PartialOrd,
    for<'b> &'b T: Copy,
{
    items.iter().find(|item| pick(item))
}

#[monitored]
fn returns_generic<T>(value: T) -> T {
    value
}

#[monitored]
fn braces_in_type() -> Sized<{ 1 + 1 }> {
    Sized([0; 2])
}

struct Sized<const N: usize>([u8; N]);

#[monitored]
fn patterns((a, b): (u8, u8), [first, ..]: [u8; 3], Wrapper { inner: mut c }: Wrapper, _: u8, _unused: u8) -> u8 {
    c += a;
    c + b + first
}

struct Wrapper {
    inner: u8,
}

#[monitored]
unsafe fn raw(pointer: *const u8) -> u8 {
    // SAFETY: the callers of this example pass a valid pointer.
    unsafe { *pointer }
}

#[monitored]
extern "C" fn foreign(a: i32) -> i32 {
    a
}

#[monitored]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitored_pass_exported(a: i32) -> i32 {
    a
}

#[monitored]
fn opaque(n: u8) -> impl Iterator<Item = u8> + Clone {
    0..n
}

#[monitored]
fn opaque_in_result(fail: bool) -> Result<impl Display, Box<dyn Error>> {
    if fail {
        return Err("failed".into());
    }
    Ok(1)
}

#[monitored]
fn opaque_in_binding() -> Box<dyn Iterator<Item = impl Display>> {
    Box::new(vec![1, 2].into_iter())
}

#[monitored]
fn coerced(double: bool) -> Box<dyn Fn(u8) -> u8> {
    if double {
        return Box::new(|n| n * 2);
    }
    Box::new(|n| n)
}

#[monitored]
fn coerced_in_result(early: bool) -> Result<Box<dyn Display>, Box<dyn Error>> {
    if early {
        return Ok(Box::new(1));
    }
    Ok(Box::new("late"))
}

#[monitored]
fn function_pointer(double: bool) -> fn(u8) -> u8 {
    if double {
        return |n| n * 2;
    }
    std::convert::identity
}

#[monitored]
fn never() -> ! {
    std::process::exit(0)
}

#[monitored]
fn never_with_arguments(code: Option<i32>) -> ! {
    match code {
        Some(code) => std::process::exit(code),
        None => panic!("no code"),
    }
}

#[monitored]
fn only_panics() -> u8 {
    panic!("always")
}

#[monitored]
fn diverges_into_unit() {
    loop {
        if returns_generic(true) {
            return;
        }
    }
}

#[monitored]
fn borrows_mutably<'a>(rows: &'a mut Vec<u8>, other: &mut u8) -> Result<&'a mut u8, String> {
    *other += 1;
    if rows.is_empty() {
        return Err("empty".to_owned());
    }
    rows.push(1);
    rows.last_mut().ok_or_else(|| "none".to_owned())
}

#[monitored]
fn elided(cell: &RefCell<String>) -> Result<Ref<'_, str>, Box<dyn Error + '_>> {
    Ok(Ref::map(cell.try_borrow()?, String::as_str))
}

#[monitored]
fn recursive(n: u64) -> u64 {
    if n < 2 { n } else { recursive(n - 1) + recursive(n - 2) }
}

#[monitored]
fn recursive_generic<F: Fn(u64) -> u64>(n: u64, step: &F) -> u64 {
    if n == 0 { 0 } else { recursive_generic(step(n), step) }
}

type Outcome<T> = Result<T, std::num::ParseIntError>;

#[monitored]
fn aliased(text: &str) -> Outcome<u8> {
    text.parse()
}

#[monitored]
fn counts_down(mut left: u8) -> bool {
    while left > 0 {
        left -= 1;
    }
    left == 0
}

#[monitored]
fn has_items() -> u8 {
    const STEP: u8 = 2;
    fn inner(n: u8) -> u8 {
        n + STEP
    }
    #[monitored]
    fn monitored_inside(n: u8) -> u8 {
        inner(n)
    }
    monitored_inside(1)
}

#[monitored]
fn has_inner_attribute(a: u64) -> u32 {
    #![allow(clippy::cast_possible_truncation)]
    a as u32
}

#[monitored]
#[allow(unsafe_op_in_unsafe_fn)]
unsafe fn unsafe_all_over(pointer: *const u8) -> Result<u8, String> {
    if pointer.is_null() {
        return Err("null".to_owned());
    }
    Ok(*pointer)
}

#[cfg(target_arch = "x86_64")]
#[monitored]
#[target_feature(enable = "avx2")]
fn vector() -> i32 {
    use std::arch::x86_64::{_mm256_movemask_epi8, _mm256_setzero_si256};
    _mm256_movemask_epi8(_mm256_setzero_si256())
}

macro_rules! fallible {
    ($ty:ty) => {
        Result<$ty, String>
    };
}

#[monitored]
fn macro_in_type(fail: bool) -> fallible!(u8) {
    if fail { Err("failed".to_owned()) } else { Ok(1) }
}

#[monitored]
fn closure_returned(n: u8) -> impl Fn(u8) -> u8 {
    move |m| n + m
}

#[monitored]
fn split(mut rows: &[u8]) -> Result<(&[u8], u8), &'static str> {
    let (first, rest) = rows.split_first().ok_or("empty")?;
    rows = rest;
    Ok((rows, *first))
}

// Closures whose arguments are known from the return type alone.
#[monitored]
fn returns_closure(items: &[u8]) -> impl Fn(&usize) -> u8 + '_ {
    move |&at| items[at].wrapping_add(1)
}

#[monitored]
fn returns_comparison<T, K: Ord, F: FnMut(&T) -> K>(mut key: F) -> impl FnMut(&T, &T) -> std::cmp::Ordering {
    move |a, b| key(a).cmp(&key(b))
}

// The same inside of other types.
#[monitored]
fn returns_a_closure_and_more(items: &[u8]) -> (impl Fn(&usize) -> u8 + '_, usize) {
    (move |&at| items[at], items.len())
}

#[monitored]
fn may_return_a_closure(items: &[u8]) -> Option<impl Fn(&usize) -> u8 + '_> {
    if items.is_empty() {
        return None;
    }
    Some(move |at: &usize| items[*at])
}

fn main() {
    assert_eq!((returns_a_closure_and_more(&[1, 2]).0)(&1), 2);
    assert_eq!(returns_a_closure_and_more(&[1, 2]).1, 2);
    assert_eq!(may_return_a_closure(&[1, 2]).map(|at| at(&1)), Some(2));
    assert_eq!(returns_closure(&[1, 2])(&1), 3);
    assert_eq!(returns_comparison(|text: &String| text.len())(&String::new(), &String::from("a")), std::cmp::Ordering::Less);
    assert_eq!(generic(&[1, 2, 3], |n| *n > 1), Some(&2));
    assert_eq!(returns_generic(3), 3);
    assert_eq!(braces_in_type().0, [0, 0]);
    assert_eq!(patterns((1, 2), [3, 0, 0], Wrapper { inner: 4 }, 0, 0), 10);
    // SAFETY: the pointer comes from a reference that lives on.
    assert_eq!(unsafe { raw(&5) }, 5);
    // SAFETY: the function has no conditions.
    assert_eq!(foreign(6) + unsafe { monitored_pass_exported(1) }, 7);
    // SAFETY: the pointer comes from a reference that lives on.
    assert_eq!(unsafe { unsafe_all_over(&5) }, Ok(5));
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked.
        assert_eq!(unsafe { vector() }, 0);
    }
    assert!(macro_in_type(true).is_err() && macro_in_type(false).is_ok());
    assert_eq!((closure_returned(1)(2), split(&[3])), (3, Ok((&[] as &[u8], 3))));
    assert_eq!(opaque(3).clone().count(), 3);
    assert!(opaque_in_result(true).is_err() && opaque_in_result(false).is_ok());
    assert_eq!(opaque_in_binding().count(), 2);
    assert_eq!(coerced(true)(2) + coerced(false)(1), 5);
    assert!(coerced_in_result(true).is_ok() && coerced_in_result(false).is_ok());
    assert_eq!(function_pointer(true)(2) + function_pointer(false)(1), 5);
    assert!(std::panic::catch_unwind(only_panics).is_err());
    assert!(std::panic::catch_unwind(|| never_with_arguments(None)).is_err());
    diverges_into_unit();
    assert_eq!(borrows_mutably(&mut vec![0], &mut 0), Ok(&mut 1));
    assert_eq!(elided(&RefCell::new("a".to_owned())).ok().as_deref(), Some("a"));
    assert_eq!(recursive(10) + recursive_generic(3, &|n| n - 1), 55);
    assert!(aliased("x").is_err());
    assert!(counts_down(3));
    assert_eq!(has_items(), 3);
    assert_eq!(has_inner_attribute(1), 1);
    never()
}
