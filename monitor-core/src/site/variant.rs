//! Sites with tags that are known only when a call begins: one site more for each set of values, found without a lock.
//!
//! The site in the static is the parent and is never called itself. Its variants are leaked, and as many as a metric may
//! have series; what comes after them goes to one variant with the tag `overflow="true"`.

use std::fmt::{self, Display};
use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::race::OnceBox;

use super::CallSite;
use crate::name::{MAX_TAG_VALUE, MAX_TAGS};
use crate::push_list::PushList;
use crate::shard::Quiet;
use crate::tag::{Tags, cut};

const CHAINS: usize = 32;

/// What can be the value of a tag: everything that can be displayed.
///
/// The text is written to the stack, so that a call with tags that were seen before does not allocate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a tag",
    note = "a tag's value must implement `Display`; give the field or a short text made from it"
)]
pub trait TagText {
    /// Writes the value.
    ///
    /// # Errors
    ///
    /// If the text has no room.
    fn write_to(&self, text: &mut dyn fmt::Write) -> fmt::Result;
}

impl<T: Display + ?Sized> TagText for T {
    fn write_to(&self, text: &mut dyn fmt::Write) -> fmt::Result {
        write!(text, "{self}")
    }
}

/// Names the link of a variant among its siblings.
#[derive(Debug)]
pub(super) enum AmongSiblings {}

/// The variants of a site.
#[derive(Debug)]
pub(super) struct Variants {
    chains: [PushList<CallSite, AmongSiblings>; CHAINS],
    count: AtomicUsize,
    overflow: OnceBox<&'static CallSite>,
}

impl Variants {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            chains: [const { PushList::new() }; CHAINS],
            count: AtomicUsize::new(0),
            overflow: OnceBox::new(),
        })
    }

    /// Every variant.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static CallSite> + '_ {
        let overflow = self.overflow.get().copied();
        self.chains.iter().flat_map(PushList::iter).chain(overflow)
    }

    fn find(&self, parent: &'static CallSite, tags: &Tags<'_>) -> &'static CallSite {
        let hash = tags.hash();
        let is = |site: &CallSite| tags.is(site.own_tags());
        let found = self.chains[(hash >> 32) as usize % CHAINS].find_or_push(is, || {
            let has_room = self.count.load(Ordering::Relaxed) < crate::metric::series_limit();
            let _quiet = Quiet::begin();
            has_room.then(|| Box::new(CallSite::variant(parent, tags.to_owned())))
        });
        match found {
            Some((site, is_new)) => {
                self.count.fetch_add(usize::from(is_new), Ordering::Relaxed);
                site
            }
            None => self.overflow(parent),
        }
    }

    fn overflow(&self, parent: &'static CallSite) -> &'static CallSite {
        crate::own::SERIES_OVERFLOW.add(1_u64);
        let _quiet = Quiet::begin();
        self.overflow.get_or_init(|| {
            let tags = Tags::new([("overflow", "true")].into_iter());
            Box::new(Box::leak(Box::new(CallSite::variant(parent, tags.to_owned()))))
        })
    }
}

/// The site that counts calls of `site` with these tags.
#[inline]
pub fn tagged(site: &'static CallSite, tags: &[(&'static str, &dyn TagText)]) -> &'static CallSite {
    if site.plan().is_off() || Quiet::is_kept() {
        return site;
    }
    if !site.is_announced() {
        let _quiet = Quiet::begin();
        site.announce();
    }
    let mut text = Texts::default();
    if tags.iter().all(|(_, value)| text.push(*value).is_ok()) {
        let pairs = tags.iter().zip(text.iter()).map(|((key, _), value)| (*key, value));
        return site.variants().find(site, &Tags::new(pairs));
    }
    tagged_at_length(site, tags)
}

/// The same for texts that have no room on the stack.
#[cold]
fn tagged_at_length(site: &'static CallSite, tags: &[(&'static str, &dyn TagText)]) -> &'static CallSite {
    let texts: Vec<String> = tags
        .iter()
        .map(|(_, value)| {
            let mut text = String::new();
            // A value whose `Display` fails counts under what it wrote until then.
            let _ = value.write_to(&mut text);
            if text.len() > MAX_TAG_VALUE {
                crate::own::CUT_TAGS.add(1_u64);
                text = cut(&text);
            }
            text
        })
        .collect();
    let pairs = tags.iter().zip(&texts).map(|((key, _), value)| (*key, value.as_str()));
    site.variants().find(site, &Tags::new(pairs))
}

/// Texts one after the other on the stack.
struct Texts {
    bytes: [u8; 512],
    len: usize,
    ends: [usize; MAX_TAGS],
    count: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Self { bytes: [0; 512], len: 0, ends: [0; MAX_TAGS], count: 0 }
    }
}

impl Texts {
    fn push(&mut self, value: &dyn TagText) -> fmt::Result {
        value.write_to(self)?;
        *self.ends.get_mut(self.count).ok_or(fmt::Error)? = self.len;
        self.count += 1;
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = &self.ends[..self.count];
        // What was written were whole texts, so every piece is one.
        ends.iter().zip(starts).map(|(end, start)| std::str::from_utf8(&self.bytes[start..*end]).unwrap_or_default())
    }
}

impl fmt::Write for Texts {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
