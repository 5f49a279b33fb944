//! Python bindings of Aurora: conversions and thin shells, no domain logic.

mod arrow;
mod bars;
mod capture;
mod catalogue;
mod conduct;
mod cross;
mod desk;
mod errors;
mod exits;
mod features;
mod fit;
mod hidden_markov;
mod inspector;
mod ledger;
mod market;
mod quality;
mod regime;
mod schedules;
mod signal;
mod state;
mod synchronise;
mod touch_quotes;
mod touches;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<bars::BarBlock>()?;
    module.add_class::<bars::BarCore>()?;
    module.add_class::<capture::CaptureStream>()?;
    module.add_class::<inspector::MarketInspector>()?;
    module.add_class::<market::Instrument>()?;
    module.add_class::<market::MarketBlock>()?;
    module.add_class::<synchronise::BookSynchroniser>()?;
    module.add_class::<features::FeatureBlock>()?;
    module.add_class::<features::MarketCore>()?;
    module.add_class::<fit::FeatureFit>()?;
    module.add_class::<signal::LeadLagModel>()?;
    module.add_class::<regime::BayesianChangePoint>()?;
    module.add_class::<regime::Cusum>()?;
    module.add_class::<hidden_markov::HiddenMarkovFilter>()?;
    module.add_class::<regime::LikelihoodRatio>()?;
    module.add_class::<regime::PageHinkley>()?;
    module.add_class::<exits::ExitPlan>()?;
    module.add_class::<schedules::Schedule>()?;
    module.add_class::<desk::DeskCore>()?;
    module.add_class::<desk::DurableLedger>()?;
    module.add_function(wrap_pyfunction!(cross::cross_columns, module)?)?;
    module.add_function(wrap_pyfunction!(desk::reason_codes, module)?)?;
    module.add_function(wrap_pyfunction!(capture::inspect_capture, module)?)?;
    module.add_function(wrap_pyfunction!(features::feature_catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(features::undefined_reasons, module)?)?;
    module.add_function(wrap_pyfunction!(ledger::read_ledger, module)?)?;
    module.add_function(wrap_pyfunction!(touches::read_touches, module)?)?;
    module.add_function(wrap_pyfunction!(touch_quotes::quote_touch, module)?)?;
    module.add_function(wrap_pyfunction!(hidden_markov::fit_hidden_markov, module)?)?;
    module.add_function(wrap_pyfunction!(
        hidden_markov::hidden_markov_filter,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(hidden_markov::hidden_markov_path, module)?)?;
    module.add_function(wrap_pyfunction!(schedules::best_venue, module)?)?;
    module.add_function(wrap_pyfunction!(schedules::choose_schedule, module)?)?;
    module.add_function(wrap_pyfunction!(schedules::venue_scores, module)?)?;
    module.add_function(wrap_pyfunction!(schedules::volume_curve, module)?)?;
    module.add_function(wrap_pyfunction!(signal::hayashi_yoshida_curve, module)?)?;
    module.add_function(wrap_pyfunction!(signal::platt_fit, module)?)?;
    module.add_function(wrap_pyfunction!(signal::platt_probability, module)?)?;
    module.add_function(wrap_pyfunction!(signal::readiness_names, module)?)?;
    module.add_function(wrap_pyfunction!(signal::recursive_least_squares, module)?)?;
    Ok(())
}
