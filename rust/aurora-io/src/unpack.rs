//! Zstd and xz that give every byte they could decode before damage, in however many frames or streams a file has.
//!
//! As [`crate::gzip`] does for gzip: what one step decoded is handed over first, the damage it met is told by the next.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};

use liblzma::stream::{Action, Status, Stream, CONCATENATED};
use zstd::stream::raw::{Decoder as RawZstd, InBuffer, Operation, OutBuffer};

/// Window a zstd file may ask for, as a power of two (128 MB, what the usual tools refuse to exceed unasked).
const ZSTD_WINDOW_LOG: u32 = 27;
/// Bytes of a zstd frame that tell how long its header is.
const ZSTD_FRAME_START: usize = 5;
/// Memory an xz file may ask for (the highest preset needs 65 MB).
const XZ_MEMORY: u64 = 256 << 20;
/// Memory that all readers of one file may ask for together.
const SHARED_MEMORY: u64 = 2 << 30;

/// What one step did: bytes taken and made, and whether the data may end here.
struct Step {
    taken: usize,
    made: usize,
    result: std::io::Result<bool>,
}

/// A decoder that is fed step by step.
enum Decoder {
    Zstd {
        decoder: RawZstd<'static>,
        /// What it needs to go on: a header, or one block. Given more it would lose, on meeting a damaged block, those
        /// that it had decoded in the same step.
        wanted: usize,
    },
    Xz(Box<Stream>),
}

impl Decoder {
    fn name(&self) -> &'static str {
        match self {
            Decoder::Zstd { .. } => "zstd",
            Decoder::Xz(_) => "xz",
        }
    }

    /// With no input, tells the decoder that there is no more.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Decoder::Zstd { decoder, wanted } => {
                let input = input.get(..*wanted).unwrap_or(input);
                let mut source = InBuffer::around(input);
                let mut target = OutBuffer::around(output);
                let result = decoder.run(&mut source, &mut target).map(|hint| {
                    // Behind a frame another may begin.
                    *wanted = if hint == 0 { ZSTD_FRAME_START } else { hint };
                    hint == 0
                });
                Step {
                    taken: source.pos(),
                    made: target.pos(),
                    result,
                }
            }
            Decoder::Xz(stream) => {
                let (taken, made) = (stream.total_in(), stream.total_out());
                let action = if input.is_empty() {
                    Action::Finish
                } else {
                    Action::Run
                };
                let result = stream.process(input, output, action);
                Step {
                    taken: (stream.total_in() - taken) as usize,
                    made: (stream.total_out() - made) as usize,
                    result: result
                        .map(|status| status == Status::StreamEnd)
                        .map_err(Error::from),
                }
            }
        }
    }
}

/// Reads what a file was before it was packed.
pub struct Unpacked {
    input: BufReader<File>,
    decoder: Decoder,
    /// The data may end here: nothing has begun that is not complete.
    complete: bool,
    damage: Option<Error>,
}

/// Memory for each of several readers of a file; enough for what the usual tools pack by default.
fn share(readers: usize) -> u64 {
    (SHARED_MEMORY / readers.max(1) as u64).max(1 << 24)
}

impl Unpacked {
    /// One of `readers` of the same file.
    ///
    /// # Errors
    /// The decoder cannot be made.
    pub fn zstd(input: BufReader<File>, readers: usize) -> std::io::Result<Unpacked> {
        let mut decoder = RawZstd::new()?;
        let window_log = ZSTD_WINDOW_LOG.min(share(readers).ilog2());
        decoder.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(window_log))?;
        Ok(Unpacked {
            input,
            decoder: Decoder::Zstd {
                decoder,
                wanted: ZSTD_FRAME_START,
            },
            complete: true,
            damage: None,
        })
    }

    /// One of `readers` of the same file.
    ///
    /// # Errors
    /// The decoder cannot be made.
    pub fn xz(input: BufReader<File>, readers: usize) -> std::io::Result<Unpacked> {
        let stream = Stream::new_stream_decoder(XZ_MEMORY.min(share(readers)), CONCATENATED)?;
        Ok(Unpacked {
            input,
            decoder: Decoder::Xz(Box::new(stream)),
            complete: false,
            damage: None,
        })
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        loop {
            let available = self.input.fill_buf()?;
            let ended = available.is_empty();
            if ended && self.complete {
                return Ok(0);
            }
            let name = self.decoder.name();
            let step = self.decoder.step(available, buffer);
            self.input.consume(step.taken);
            if step.taken == 0 && step.made == 0 && !ended && step.result.is_ok() {
                // A decoder that goes no further would be asked for ever.
                return Err(Error::new(
                    ErrorKind::InvalidData,
                    format!("the {name} data is damaged"),
                ));
            }
            match step.result {
                Ok(complete) => self.complete = complete,
                Err(cause) => {
                    let damage = Error::new(
                        ErrorKind::InvalidData,
                        format!("the {name} data is damaged ({cause})"),
                    );
                    // A file cut short reads as damage to a decoder that was told it ends.
                    let damage = if ended {
                        Error::new(
                            ErrorKind::UnexpectedEof,
                            format!("the {name} data ends early"),
                        )
                    } else {
                        damage
                    };
                    if step.made == 0 {
                        return Err(damage);
                    }
                    self.damage = Some(damage);
                }
            }
            if step.made > 0 {
                return Ok(step.made);
            }
            if ended && !self.complete {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    format!("the {name} data ends early"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::io::{Seek, Write};

    fn lines(count: u64) -> Vec<u8> {
        (0..count)
            .flat_map(|n| format!("{n} {:x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes())
            .collect()
    }

    fn pack(name: &str, text: &[u8]) -> Vec<u8> {
        if name == "zstd" {
            zstd::stream::encode_all(text, 3).unwrap()
        } else {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 3);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
    }

    fn unpack(name: &str, bytes: &[u8]) -> (Vec<u8>, Option<Error>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let input = BufReader::with_capacity(997, file);
        let mut reader = if name == "zstd" {
            Unpacked::zstd(input, 1).unwrap()
        } else {
            Unpacked::xz(input, 1).unwrap()
        };
        let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    #[test]
    fn several_frames_are_read_through() {
        for name in ["zstd", "xz"] {
            let (first, second) = (lines(3000), lines(500));
            let bytes = [pack(name, &first), pack(name, &second)].concat();
            let (all, error) = unpack(name, &bytes);
            assert!(error.is_none(), "{name}: {error:?}");
            assert!(all == [first, second].concat(), "{name}");
        }
    }

    #[test]
    fn what_stands_before_a_cut_or_damage_is_kept() {
        for name in ["zstd", "xz"] {
            let whole = lines(60_000);
            let bytes = pack(name, &whole);
            let cut = bytes.len() * 2 / 3;
            let (kept, error) = unpack(name, &bytes[..cut]);
            assert_eq!(error.unwrap().kind(), ErrorKind::UnexpectedEof, "{name}");
            assert!(
                kept.len() > whole.len() / 3 && whole.starts_with(&kept),
                "{name}"
            );
            let mut damaged = bytes.clone();
            damaged[cut..cut + 200].fill(0xA5);
            let (kept, error) = unpack(name, &damaged);
            assert_eq!(error.unwrap().kind(), ErrorKind::InvalidData, "{name}");
            assert!(kept.len() > whole.len() / 4, "{name}: {}", kept.len());
        }
    }

    #[test]
    fn an_empty_stream_is_no_damage() {
        for name in ["zstd", "xz"] {
            let (all, error) = unpack(name, &pack(name, b""));
            assert!(all.is_empty() && error.is_none(), "{name}: {error:?}");
        }
    }
}
