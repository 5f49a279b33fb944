//! Fitting what the microprice and the integrated flow need, from the events of one instrument.

use super::kernel_settings::FLOW_LEVELS;
use super::{
    FirstComponent, IntegratedFit, IntegratedWeightsError, MicropriceBuckets, MicropriceFit,
    MicropriceFitError, MicropriceTable, MultiLevelFlow, TopLevels,
};
use crate::book::{Applied, Book, Quote};
use crate::event::EventBlock;
use crate::instrument::Instrument;

/// Book and both accumulators: the touch at each of its changes, the levels' flows on a grid of local time.
#[derive(Debug, Clone)]
pub struct FeatureFit {
    book: Book,
    touch: Option<Quote>,
    microprice: MicropriceFit,
    flow: MultiLevelFlow,
    integrated: IntegratedFit,
    sample_ns: i64,
    next_ns: Option<i64>,
}

impl FeatureFit {
    /// `sample_ns` is the grid of the integrated flow and must be positive.
    pub fn new(instrument: &Instrument, buckets: MicropriceBuckets, sample_ns: i64) -> Self {
        FeatureFit {
            book: Book::new(instrument.id.market, instrument.tick),
            touch: None,
            microprice: MicropriceFit::new(buckets, instrument.tick),
            flow: MultiLevelFlow::new(FLOW_LEVELS),
            integrated: IntegratedFit::new(FLOW_LEVELS),
            sample_ns: sample_ns.max(1),
            next_ns: None,
        }
    }

    pub fn process(&mut self, block: &EventBlock) {
        for message in &block.messages {
            let next = self
                .next_ns
                .get_or_insert((message.local_ns.div_euclid(self.sample_ns) + 1) * self.sample_ns);
            if message.local_ns >= *next {
                *next = (message.local_ns.div_euclid(self.sample_ns) + 1) * self.sample_ns;
                self.integrated.update(&self.flow.take());
            }
            if self.book.apply(block, message) == Applied::None {
                continue;
            }
            let touch = self
                .book
                .touch()
                .filter(|quote| quote.bid.price < quote.ask.price);
            match touch {
                Some(quote) => {
                    let top = TopLevels::behind(self.book.ladder(), FLOW_LEVELS, quote);
                    self.flow.update(&top);
                    if self.touch != touch {
                        self.microprice.update(quote);
                    }
                }
                None => {
                    self.flow.interrupt();
                    self.microprice.interrupt();
                }
            }
            self.touch = touch;
        }
    }

    /// Transitions between touches, and those of them that moved the mid.
    pub fn transitions(&self) -> (u64, u64) {
        (self.microprice.transitions(), self.microprice.moves())
    }

    /// Rows of level flows so far.
    pub fn rows(&self) -> u64 {
        self.integrated.rows()
    }

    /// # Errors
    /// See [`MicropriceFit::fit`].
    pub fn microprice(&self, minimum_visits: u64) -> Result<MicropriceTable, MicropriceFitError> {
        self.microprice.fit(minimum_visits)
    }

    /// # Errors
    /// See [`IntegratedFit::fit`].
    pub fn integrated(&self, minimum_rows: u64) -> Result<FirstComponent, IntegratedWeightsError> {
        self.integrated.fit(minimum_rows)
    }
}
