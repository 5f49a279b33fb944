//! One order cut into children that the venue, or the queue, can digest.

use crate::execution::reason::ReasonCode;

/// Sizes in lots of the children of one order: as even as whole lots allow, larger ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildOrders {
    count: i64,
    /// Lots of every child, before the remainder is dealt out.
    base: i64,
    /// This many children get one lot more.
    larger: i64,
}

impl ChildOrders {
    /// Number of children.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// Lots of each child in turn.
    pub fn lots(&self) -> impl Iterator<Item = i64> {
        let ChildOrders {
            count,
            base,
            larger,
        } = *self;
        (0..count).map(move |index| base + i64::from(index < larger))
    }
}

/// Cuts `lots` into n = max(1, ⌈lots ÷ child_max⌉) children, each at least `child_min`, whole lots, the sum exact
/// (SPEC §9).
///
/// # Errors
/// [`ReasonCode::BelowMinimum`] where no such cut exists: too little for one child, or n children of at most
/// `child_max` would leave one below `child_min`.
pub fn child_orders(lots: i64, child_min: i64, child_max: i64) -> Result<ChildOrders, ReasonCode> {
    let (child_min, child_max) = (child_min.max(1), child_max.max(1));
    if lots < child_min {
        return Err(ReasonCode::BelowMinimum);
    }
    let whole = lots / child_max;
    let count = (whole + i64::from(lots % child_max != 0)).max(1);
    let base = lots / count;
    if base < child_min {
        return Err(ReasonCode::BelowMinimum);
    }
    Ok(ChildOrders {
        count,
        base,
        larger: lots % count,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn cut(lots: i64, least: i64, most: i64) -> Option<Vec<i64>> {
        child_orders(lots, least, most)
            .ok()
            .map(|children| children.lots().collect())
    }

    #[test]
    fn children_by_hand() {
        assert_eq!(cut(10, 1, 4), Some(vec![4, 3, 3]));
        assert_eq!(cut(8, 1, 4), Some(vec![4, 4]));
        assert_eq!(cut(3, 3, 4), Some(vec![3]));
        assert_eq!(cut(2, 3, 4), None);
        assert_eq!(cut(11, 6, 10), None, "5 and 6");
        assert_eq!(cut(0, 0, 5), None);
        assert_eq!(cut(i64::MAX, 1, i64::MAX), Some(vec![i64::MAX]));
    }

    proptest! {
        #[test]
        fn the_sum_is_exact_and_a_cut_is_refused_only_where_there_is_none(
            lots in -5i64..3_000, least in 1i64..60, most in 1i64..60,
        ) {
            // The fewest children whose largest possible sum suffices.
            let fewest = (1..=lots.max(1)).find(|n| n * most >= lots).unwrap();
            match cut(lots, least, most) {
                Some(children) => {
                    prop_assert_eq!(children.len() as i64, fewest);
                    prop_assert_eq!(children.iter().sum::<i64>(), lots);
                    prop_assert!(children.iter().all(|child| (least..=most).contains(child)));
                }
                None => prop_assert!(lots < least || fewest * least > lots),
            }
        }
    }
}
