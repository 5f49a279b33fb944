//! What a web address says of the frames that came from it.

use aurora_core::instrument::Market;

/// Market that an address serves; None where it does not say.
pub fn market_of(address: &str) -> Option<Market> {
    let has = |part: &str| address.contains(part);
    if has("fstream.binance") || has("fapi.binance") {
        Some(Market::BinanceUsdm)
    } else if has("dstream.binance") || has("dapi.binance") {
        Some(Market::BinanceCoinm)
    } else if has("stream.binance") || has("api.binance") {
        Some(Market::BinanceSpot)
    } else if has("bybit") && has("/linear") {
        Some(Market::BybitLinear)
    } else if has("bybit") && has("/inverse") {
        Some(Market::BybitInverse)
    } else if has("bybit") && has("/spot") {
        Some(Market::BybitSpot)
    } else if has("okx.com") || has("okex.com") {
        Some(Market::Okx)
    } else if has("futures.kraken") {
        Some(Market::KrakenFutures)
    } else if has("hyperliquid") {
        Some(Market::Hyperliquid)
    } else {
        None
    }
}

/// Symbol that an order book was asked for; None for every other request.
pub fn depth_symbol(url: &str) -> Option<&str> {
    let (path, query) = url.split_once('?')?;
    if !path.ends_with("/depth") {
        return None;
    }
    query
        .split('&')
        .find_map(|part| part.strip_prefix("symbol="))
        .filter(|symbol| !symbol.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_market_and_symbol() {
        let url = "https://dapi.binance.com/dapi/v1/depth?symbol=BCHUSD_PERP&limit=1000";
        assert_eq!(market_of(url), Some(Market::BinanceCoinm));
        assert_eq!(depth_symbol(url), Some("BCHUSD_PERP"));
        let stream = "wss://stream.binance.com:9443/stream?streams=nknusdt@depth@100ms";
        assert_eq!(market_of(stream), Some(Market::BinanceSpot));
        assert_eq!(
            market_of("wss://stream.bybit.com/v5/public/spot"),
            Some(Market::BybitSpot)
        );
        assert_eq!(
            depth_symbol("https://api.binance.com/api/v3/exchangeInfo"),
            None
        );
        assert_eq!(
            depth_symbol("https://api.binance.com/api/v3/depth?limit=5"),
            None
        );
        assert_eq!(market_of("wss://example.org"), None);
    }
}
