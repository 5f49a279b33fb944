//! Kernels behind the regime: streaming change detectors and the hidden Markov filter.
//!
//! Every detector takes one observation at a time in constant memory, and answers with its statistic and whether it
//! alarms. What it says depends on the observations given and their order, never on how calls are split into batches;
//! transcendentals come from `libm`, sums run left to right, and a refused observation leaves the state as it was.
//! Thresholds are in the unit of the input: standardise returns before they come here.
//!
//! [`PageHinkley`], [`Cusum`] and the likelihood ratios begin anew with the observation after an alarm;
//! [`BayesianChangePoint`] needs no reset, its run length falls by itself. [`HiddenMarkovFilter`] is the filter, which
//! knows the past alone; what looks ahead (`hidden_markov_fit`, `viterbi`) is for fitting and labels.

mod bayesian_change_point;
mod cusum;
mod error;
mod hidden_markov;
mod hidden_markov_fit;
mod likelihood_ratio;
mod page_hinkley;
mod student;
mod viterbi;

#[cfg(test)]
pub(crate) mod test_support;

pub use bayesian_change_point::{
    BayesianChangePoint, BayesianChangePointSettings, ChangePointValue,
};
pub use cusum::{Cusum, CusumSettings, CusumValue};
pub use error::{DetectorError, LARGEST_INPUT};
pub use hidden_markov::{
    hidden_markov_filter, HiddenMarkovFilter, HiddenMarkovModel, HiddenMarkovParts, LARGEST_STATES,
};
pub use hidden_markov_fit::{fit_hidden_markov, HiddenMarkovFit, HiddenMarkovFitSettings};
pub use likelihood_ratio::{
    LikelihoodRatioSettings, LikelihoodRatioValue, MeanLikelihoodRatio, VarianceLikelihoodRatio,
};
pub use page_hinkley::{Direction, PageHinkley, PageHinkleySettings, PageHinkleyValue};
pub use viterbi::viterbi;
