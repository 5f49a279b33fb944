//! The symbol rules of an `exchangeInfo` answer of Binance futures, exactly.

use aurora_core::instrument::{Instrument, InstrumentId, Market};
use aurora_core::units::{parse_quanta, printed_decimals, Money, MONEY_EXPONENT};
use aurora_core::venue::{OrderType, SymbolRules, TimeInForce};
use serde::Deserialize;
use thiserror::Error;

/// Why an answer could not be read.
#[derive(Debug, Error)]
pub enum ExchangeInfoError {
    #[error("exchangeInfo: {0}")]
    Json(#[from] serde_json::Error),
    #[error("exchangeInfo, {symbol}: {field} is {got:?}")]
    Number {
        symbol: String,
        field: &'static str,
        got: String,
    },
    #[error("exchangeInfo, {symbol}: no {filter}")]
    Missing {
        symbol: String,
        filter: &'static str,
    },
}

#[derive(Deserialize)]
struct Info {
    symbols: Vec<ListedSymbol>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedSymbol {
    symbol: String,
    #[serde(default)]
    status: String,
    price_precision: u8,
    quantity_precision: u8,
    #[serde(default)]
    trigger_protect: Option<String>,
    #[serde(default)]
    market_take_bound: Option<String>,
    #[serde(default)]
    liquidation_fee: Option<String>,
    #[serde(default)]
    order_types: Vec<String>,
    #[serde(default)]
    time_in_force: Vec<String>,
    filters: Vec<Filter>,
}

/// Any filter: each names some of these.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    filter_type: String,
    min_price: String,
    max_price: String,
    tick_size: String,
    min_qty: String,
    max_qty: String,
    step_size: String,
    notional: String,
    multiplier_up: String,
    multiplier_down: String,
    limit: Option<usize>,
}

/// Instruments and rules of every symbol of an answer, in its order. The answer has no leverage brackets: those come
/// from another endpoint.
///
/// # Errors
/// [`ExchangeInfoError`] for a text that is no such answer.
pub fn exchange_info(
    text: &[u8],
    market: Market,
) -> Result<Vec<(Instrument, SymbolRules)>, ExchangeInfoError> {
    let info: Info = serde_json::from_slice(text)?;
    info.symbols
        .iter()
        .map(|symbol| symbol.rules(market))
        .collect()
}

fn decimals(texts: &[&str]) -> u8 {
    let significant = texts.iter().map(|text| printed_decimals(text.as_bytes()).1);
    significant.max().unwrap_or(0)
}

impl ListedSymbol {
    fn filter(&self, name: &'static str) -> Option<&Filter> {
        self.filters.iter().find(|it| it.filter_type == name)
    }

    fn needed(&self, filter: &'static str) -> Result<&Filter, ExchangeInfoError> {
        self.filter(filter)
            .ok_or_else(|| ExchangeInfoError::Missing {
                symbol: self.symbol.clone(),
                filter,
            })
    }

    fn number(
        &self,
        field: &'static str,
        text: &str,
        exponent: u8,
    ) -> Result<i64, ExchangeInfoError> {
        parse_quanta(text.as_bytes(), exponent).map_err(|_| ExchangeInfoError::Number {
            symbol: self.symbol.clone(),
            field,
            got: text.to_owned(),
        })
    }

    /// A ratio in 1e-8, or what stands for its absence.
    fn ratio(
        &self,
        field: &'static str,
        text: Option<&String>,
        absent: i64,
    ) -> Result<i64, ExchangeInfoError> {
        text.map_or(Ok(absent), |text| self.number(field, text, 8))
    }

    fn rules(&self, market: Market) -> Result<(Instrument, SymbolRules), ExchangeInfoError> {
        let price = self.needed("PRICE_FILTER")?;
        let lot = self.needed("LOT_SIZE")?;
        let market_lot = self.filter("MARKET_LOT_SIZE").unwrap_or(lot);
        let price_exponent = decimals(&[&price.tick_size, &price.min_price, &price.max_price]);
        let size_exponent = decimals(&[
            &lot.step_size,
            &lot.min_qty,
            &market_lot.step_size,
            &market_lot.min_qty,
        ]);
        let size = |field, text: &str| self.number(field, text, size_exponent);
        let money = |field, text: &str| {
            let quanta = self.number(field, text, MONEY_EXPONENT)?;
            Ok::<_, ExchangeInfoError>(Money(i128::from(quanta)))
        };
        let min_notional = match self.filter("MIN_NOTIONAL") {
            Some(filter) => money("notional", &filter.notional)?,
            None => Money::ZERO,
        };
        let band = self.filter("PERCENT_PRICE");
        let up = band.map(|filter| &filter.multiplier_up);
        let down = band.map(|filter| &filter.multiplier_down);
        let limit = |name| {
            self.filter(name)
                .and_then(|filter| filter.limit)
                .unwrap_or(usize::MAX)
        };
        let tick = self.number("tickSize", &price.tick_size, price_exponent)?;
        let instrument = Instrument {
            id: InstrumentId {
                market,
                symbol: self.symbol.clone(),
            },
            price_exponent,
            size_exponent,
            tick,
            lot: size("stepSize", &lot.step_size)?,
            min_notional,
        };
        let known_types = OrderType::ALL.into_iter();
        let known_terms = TimeInForce::ALL.into_iter();
        let rules = SymbolRules {
            price_precision: self.price_precision,
            quantity_precision: self.quantity_precision,
            min_price: self.number("minPrice", &price.min_price, price_exponent)?,
            max_price: self.number("maxPrice", &price.max_price, price_exponent)?,
            tick,
            min_size: size("minQty", &lot.min_qty)?,
            max_size: size("maxQty", &lot.max_qty)?,
            step: instrument.lot,
            market_min_size: size("minQty", &market_lot.min_qty)?,
            market_max_size: size("maxQty", &market_lot.max_qty)?,
            market_step: size("stepSize", &market_lot.step_size)?,
            max_orders: limit("MAX_NUM_ORDERS"),
            max_conditional_orders: limit("MAX_NUM_ALGO_ORDERS"),
            min_notional,
            multiplier_down_e8: self.ratio("multiplierDown", down, 0)?,
            multiplier_up_e8: self.ratio("multiplierUp", up, i64::MAX)?,
            trigger_protect_e8: self.ratio(
                "triggerProtect",
                self.trigger_protect.as_ref(),
                i64::MAX,
            )?,
            market_take_bound_e8: self.ratio(
                "marketTakeBound",
                self.market_take_bound.as_ref(),
                i64::MAX,
            )?,
            liquidation_fee_e8: self.ratio("liquidationFee", self.liquidation_fee.as_ref(), 0)?,
            // What a newer exchange names and this venue does not have is left out.
            order_types: known_types
                .filter(|kind| self.order_types.iter().any(|name| name == kind.name()))
                .collect(),
            time_in_force: known_terms
                .filter(|term| self.time_in_force.iter().any(|name| name == term.name()))
                .collect(),
            is_trading: self.status == "TRADING",
            brackets: Vec::new(),
        };
        Ok((instrument, rules))
    }
}
