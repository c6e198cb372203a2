//! Adjusted p-values of a family of comparisons.
//!
//! Comparisons without a p-value (`None`, or no number between 0 and 1) have no adjusted one
//! and do not count as members of the family.

/// Holm's adjusted p-values: below alpha are those that may be called significant when the
/// chance of even one false alarm in the whole family shall be alpha at most.
///
/// With the p-values in order, p̃(i) = max over j <= i of min(1, (m - j + 1) p(j)).
///
/// ```
/// use lotty_statistics::multiple::holm;
/// assert_eq!(
///     holm(&[Some(0.5), None, Some(0.125)]),
///     [Some(0.5), None, Some(0.25)]
/// );
/// ```
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let order = ascending(p_values);
    let mut highest: f64 = 0.0;
    let adjusted = order.iter().enumerate().map(|(before, (place, p))| {
        highest = highest.max(p * (order.len() - before) as f64).min(1.0);
        (*place, highest)
    });
    put_back(adjusted, p_values.len())
}

/// Benjamini and Hochberg's adjusted p-values: of those below alpha, alpha at most are false
/// alarms on average.
///
/// With the p-values in order, p̃(i) = min over j >= i of min(1, m p(j) / j).
///
/// ```
/// use lotty_statistics::multiple::benjamini_hochberg;
/// assert_eq!(
///     benjamini_hochberg(&[Some(0.5), None, Some(0.125)]),
///     [Some(0.5), None, Some(0.25)]
/// );
/// ```
pub fn benjamini_hochberg(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let order = ascending(p_values);
    let size = order.len() as f64;
    let mut lowest: f64 = 1.0;
    let adjusted = order.iter().enumerate().rev().map(|(before, (place, p))| {
        // The quotient first: it is exactly 1 for the last, which then stays as it is.
        lowest = lowest.min(p * (size / (before + 1) as f64));
        (*place, lowest)
    });
    put_back(adjusted, p_values.len())
}

/// The p-values with their places, smallest first.
fn ascending(p_values: &[Option<f64>]) -> Vec<(usize, f64)> {
    let mut order: Vec<(usize, f64)> = p_values
        .iter()
        .enumerate()
        .filter_map(|(place, p)| Some((place, p.filter(|p| (0.0..=1.0).contains(p))?)))
        .collect();
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    order
}

/// Values at their places, nothing at the others.
fn put_back(values: impl Iterator<Item = (usize, f64)>, length: usize) -> Vec<Option<f64>> {
    let mut all = vec![None; length];
    for (place, value) in values {
        if let Some(slot) = all.get_mut(place) {
            *slot = Some(value);
        }
    }
    all
}
