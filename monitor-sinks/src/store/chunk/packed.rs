//! Columns of numbers in pco's format: what is left after bins of similar numbers are told apart and entropy coded.
//!
//! ```text
//! packed       pco's format version, two bytes | its chunk metadata | its one page
//! ```
//!
//! The only place that knows pco. How many numbers there are is not in the bytes; the column around them knows.
//!
//! pco defines ways of coding that this encoder never asks for, and some of them reserve memory by what the bytes say
//! (a dictionary, a window to look back into). They are refused before that happens, so that damaged bytes cost no more
//! memory than sound ones.

use pco::{
    ChunkConfig, DeltaSpec, ModeSpec, PagingSpec,
    data_types::Number,
    metadata::{DeltaEncoding, Mode},
    wrapped::{FileCompressor, FileDecompressor},
};

use super::Reason;

/// The level where more effort gains less than one byte in a hundred.
const LEVEL: usize = 4;

/// The major version of pco's format. Its library reads older ones too, but none were ever written here.
const FORMAT: u8 = 4;

/// The codes of pco's modes that the encoder may choose: as they are, multiples of a base, floats of lower precision.
const MODES: u8 = 4;

/// pco's working memory, to be used again.
pub(super) type Scratch = pco::DecompressorScratch;

/// How successive numbers relate.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trend {
    /// Each is close to the one before.
    Close,
    /// They do not.
    Loose,
    /// Each is close to the one before, and they have no base or lower precision in common that would be worth looking for.
    Sum,
    /// They do not, and they are small and have no factor in common that would be worth looking for.
    Small,
}

/// A column of `values`, of which there must be at least one, after the byte `form`; `None` if pco declines.
pub(super) fn encode<T: Number>(form: u8, values: &[T], trend: Trend) -> Option<Vec<u8>> {
    let (delta, mode) = match trend {
        Trend::Close => (DeltaSpec::TryConsecutive(1), ModeSpec::Auto),
        Trend::Sum => (DeltaSpec::TryConsecutive(1), ModeSpec::Classic),
        Trend::Loose => (DeltaSpec::NoOp, ModeSpec::Auto),
        Trend::Small => (DeltaSpec::NoOp, ModeSpec::Classic),
    };
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_delta_spec(delta)
        .with_mode_spec(mode)
        .with_paging_spec(PagingSpec::Exact(vec![values.len()]));
    let file = FileCompressor::default();
    let out = file.write_header(vec![form]).ok()?;
    let mut chunk = file.chunk_compressor(values, &config).ok()?;
    let out = chunk.write_meta(out).ok()?;
    chunk.write_page(0, out).ok()
}

/// Takes as many numbers off the front of `bytes` as `out` has room for.
pub(super) fn take<T: Number>(bytes: &mut &[u8], out: &mut [T], scratch: &mut Scratch) -> Result<(), Reason> {
    const DAMAGED: Reason = "a packed column is malformed";
    // The mode is the lower half of the first byte after the version.
    if !matches!(*bytes, [FORMAT, _, first, ..] if first & 0xf < MODES) {
        return Err("a packed column is of an unknown form");
    }
    let (file, rest) = FileDecompressor::new(*bytes).map_err(|_| DAMAGED)?;
    let (chunk, rest) = file.chunk_decompressor::<T, _>(rest).map_err(|_| DAMAGED)?;
    let known = matches!(chunk.meta().delta_encoding, DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. })
        && !matches!(chunk.meta().mode, Mode::Dict(_));
    if !known {
        return Err("a packed column is of an unknown form");
    }
    let mut page = chunk.page_decompressor_with_scratch(rest, out.len(), scratch).map_err(|_| DAMAGED)?;
    let progress = page.read(out).map_err(|_| DAMAGED)?;
    if progress.n_processed != out.len() || !progress.finished {
        return Err(DAMAGED);
    }
    *bytes = page.into_src();
    Ok(())
}
