//! Count, means and centred products of up to four variables, in one pass.
//!
//! Kept are means and centred products, not sums of squares: those lose every digit of a variance
//! that is small beside the mean. Welford's update of one row, Chan's of two sets.

/// How many variables a set of moments can have.
pub const MAX_VARIABLES: usize = 4;

/// Count, means and centred products of some variables over the same rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    variables: usize,
    count: u64,
    means: [f64; MAX_VARIABLES],
    /// `products[i][j]` for `i <= j`; the rest stays 0.
    products: [[f64; MAX_VARIABLES]; MAX_VARIABLES],
}

impl Moments {
    /// Those of no rows; at most [`MAX_VARIABLES`] variables are kept.
    #[must_use]
    pub fn new(variables: usize) -> Self {
        Self {
            variables: variables.min(MAX_VARIABLES),
            count: 0,
            means: [0.0; MAX_VARIABLES],
            products: [[0.0; MAX_VARIABLES]; MAX_VARIABLES],
        }
    }

    /// From a count, a mean for each variable, and the upper triangle of the centred products, row
    /// by row; the lengths say how many variables there are. `None` if the lengths do not fit, a
    /// number is not finite, a variable's own product is negative, or there are products of fewer
    /// than two rows.
    #[must_use]
    pub fn from_parts(count: u64, means: &[f64], products: &[f64]) -> Option<Self> {
        let variables = means.len();
        if variables == 0
            || variables > MAX_VARIABLES
            || products.len() != variables * (variables + 1) / 2
        {
            return None;
        }
        let mut moments = Self::new(variables);
        moments.count = count;
        for (place, mean) in moments.means.iter_mut().zip(means) {
            *place = *mean;
        }
        let mut rest = products.iter();
        for (i, row) in moments.products.iter_mut().enumerate().take(variables) {
            for (place, product) in row
                .iter_mut()
                .skip(i)
                .zip(rest.by_ref().take(variables - i))
            {
                *place = *product;
            }
        }
        let fits = match count {
            0 => means.iter().chain(products).all(|number| *number == 0.0),
            1 => products.iter().all(|product| *product == 0.0),
            _ => true,
        };
        let is_variance = |i: usize| moments.product(i, i) >= 0.0;
        (fits && moments.is_finite() && (0..variables).all(is_variance)).then_some(moments)
    }

    /// How many variables there are.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.variables
    }

    /// How many rows there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean of a variable, counted from 0; 0 without rows, or without such a variable.
    #[must_use]
    pub fn mean(&self, variable: usize) -> f64 {
        self.means.get(variable).copied().unwrap_or(0.0)
    }

    /// Sum over the rows of the product of two variables' distances from their means.
    #[must_use]
    pub fn product(&self, variable: usize, other: usize) -> f64 {
        let (row, column) = (variable.min(other), variable.max(other));
        self.products
            .get(row)
            .and_then(|row| row.get(column))
            .copied()
            .unwrap_or(0.0)
    }

    /// The means.
    pub fn means(&self) -> impl Iterator<Item = f64> + '_ {
        self.means.iter().copied().take(self.variables)
    }

    /// The upper triangle of the centred products, row by row.
    pub fn products(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.variables).flat_map(move |i| (i..self.variables).map(move |j| self.product(i, j)))
    }

    /// Whether no number has overflowed.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.means().chain(self.products()).all(f64::is_finite)
    }

    /// Whether some rows could have these moments: no product of two variables is beyond what their
    /// own products allow (Cauchy and Schwarz), but for rounding.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        (0..self.variables).all(|i| {
            (i + 1..self.variables).all(|j| {
                let limit = self.product(i, i).sqrt() * self.product(j, j).sqrt();
                self.product(i, j).abs() <= limit * (1.0 + 1e-6) + NOISE * self.uncertain(i, j)
            })
        })
    }

    /// Adds a row. Values beyond the variables are left out.
    pub fn add(&mut self, row: &[f64]) {
        self.count = self.count.saturating_add(1);
        let count = self.count as f64;
        let variables = self.variables;
        let mut before = [0.0; MAX_VARIABLES];
        let mut after = [0.0; MAX_VARIABLES];
        let distances = before.iter_mut().zip(after.iter_mut());
        for ((mean, value), (before, after)) in self
            .means
            .iter_mut()
            .zip(row)
            .zip(distances)
            .take(variables)
        {
            *before = value - *mean;
            *mean += *before / count;
            *after = value - *mean;
        }
        for (i, (products, before)) in self.products.iter_mut().zip(before).enumerate() {
            for (product, after) in products.iter_mut().zip(after).skip(i) {
                *product += before * after;
            }
        }
    }

    /// Adds the rows of another set of the same variables. Further variables of the other are left
    /// out.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            let variables = self.variables;
            *self = *other;
            self.variables = variables;
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let share = theirs / (mine + theirs);
        let mut distances = [0.0; MAX_VARIABLES];
        let means = self
            .means
            .iter_mut()
            .zip(other.means)
            .zip(distances.iter_mut());
        for ((mean, other), distance) in means {
            *distance = other - *mean;
            *mean += *distance * share;
        }
        let weight = mine * share;
        let rows = self.products.iter_mut().zip(&other.products).zip(distances);
        for (i, ((products, others), first)) in rows.enumerate() {
            for ((product, other), second) in products.iter_mut().zip(others).zip(distances).skip(i)
            {
                *product += other + first * second * weight;
            }
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// Sum over the rows of the product of two linear combinations of the centred variables.
    ///
    /// What cannot be told from rounding counts as 0: so much as `num - R den` has left where `num`
    /// is a multiple of `den` in every row.
    #[must_use]
    pub fn combined(&self, first: &[f64; MAX_VARIABLES], second: &[f64; MAX_VARIABLES]) -> f64 {
        let mut sum = 0.0;
        let mut size = 0.0;
        let mut terms = 0;
        for (i, left) in first.iter().enumerate().take(self.variables) {
            for (j, right) in second.iter().enumerate().take(self.variables) {
                let term = left * right * self.product(i, j);
                if term != 0.0 {
                    sum += term;
                    size += left.abs() * right.abs() * self.uncertain(i, j);
                    terms += 1;
                }
            }
        }
        if terms > 1 && sum.abs() <= NOISE * size {
            0.0
        } else {
            sum
        }
    }

    /// The size that rounding in a product is relative to: the product, and what the distances from
    /// a large mean have lost.
    fn uncertain(&self, i: usize, j: usize) -> f64 {
        let count = self.count as f64;
        let spread = |k: usize| (self.product(k, k) * count).sqrt();
        self.product(i, j).abs() + self.mean(i).abs() * spread(j) + self.mean(j).abs() * spread(i)
    }
}

/// Rounding errors of some operations, relative to what went in.
const NOISE: f64 = 8.0 * f64::EPSILON;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rows: &[[f64; 2]]) -> Moments {
        let mut moments = Moments::new(2);
        for row in rows {
            moments.add(row);
        }
        moments
    }

    #[test]
    fn small_numbers_by_hand() {
        let moments = of(&[[1.0, 2.0], [2.0, 2.0], [3.0, 8.0]]);
        assert_eq!(moments.count(), 3);
        assert_eq!(moments.means().collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!(moments.products().collect::<Vec<_>>(), [2.0, 6.0, 24.0]);
    }

    #[test]
    fn a_variance_that_is_small_beside_the_mean() {
        let mut moments = Moments::new(1);
        for i in 0..1000 {
            moments.add(&[1e9 + f64::from(i % 2)]);
        }
        assert!((moments.product(0, 0) - 250.0).abs() < 1e-4);
    }

    #[test]
    fn a_constant_has_no_variance() {
        let mut moments = Moments::new(1);
        let mut other = Moments::new(1);
        for _ in 0..1000 {
            moments.add(&[0.1]);
            other.add(&[0.1]);
        }
        moments.merge(&other);
        assert_eq!((moments.mean(0), moments.product(0, 0)), (0.1, 0.0));
    }

    #[test]
    fn a_multiple_leaves_nothing() {
        let mut moments = Moments::new(2);
        for i in 0..10_000 {
            let den = f64::from(i % 97) * 0.1;
            moments.add(&[den * 0.3, den]);
        }
        let weights = [1.0, -0.3, 0.0, 0.0];
        assert_eq!(moments.combined(&weights, &weights), 0.0);
        let others = [1.0, -0.300_001, 0.0, 0.0];
        assert!(moments.combined(&others, &others) > 0.0);
    }

    #[test]
    fn overflow_is_seen() {
        let moments = of(&[[1e308, 0.0], [-1e308, 0.0]]);
        assert!(!moments.is_finite());
    }

    #[test]
    fn parts_that_do_not_fit() {
        assert!(Moments::from_parts(2, &[1.0], &[0.5]).is_some());
        assert!(Moments::from_parts(2, &[], &[]).is_none());
        assert!(Moments::from_parts(2, &[1.0], &[-0.5]).is_none());
        assert!(Moments::from_parts(2, &[1.0], &[0.5, 0.5]).is_none());
        assert!(Moments::from_parts(2, &[f64::NAN], &[0.5]).is_none());
        assert!(Moments::from_parts(1, &[1.0], &[0.5]).is_none());
        assert!(Moments::from_parts(0, &[1.0], &[0.0]).is_none());
        assert!(Moments::from_parts(2, &[0.0; 5], &[0.0; 15]).is_none());
    }

    proptest! {
        #[test]
        fn merged_as_in_one_pass(
            rows in prop::collection::vec([-1e3..1e3_f64, -1e3..1e3_f64], 0..60),
            cut in 0..60_usize,
        ) {
            let (first, second) = rows.split_at(cut.min(rows.len()));
            let mut merged = of(first);
            merged.merge(&of(second));
            let whole = of(&rows);
            prop_assert_eq!(merged.count(), whole.count());
            for (a, b) in merged.means().zip(whole.means()) {
                prop_assert!((a - b).abs() <= 1e-10);
            }
            for (a, b) in merged.products().zip(whole.products()) {
                prop_assert!((a - b).abs() <= 1e-6);
            }
        }

        #[test]
        fn parts_give_the_same_again(
            rows in prop::collection::vec([-1e300..1e300_f64, -1e3..1e3_f64], 0..9),
        ) {
            let moments = of(&rows);
            prop_assume!(moments.is_finite());
            let means: Vec<f64> = moments.means().collect();
            let products: Vec<f64> = moments.products().collect();
            prop_assert_eq!(
                Moments::from_parts(moments.count(), &means, &products),
                Some(moments)
            );
        }
    }
}
