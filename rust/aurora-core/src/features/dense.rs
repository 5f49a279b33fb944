//! Small dense matrices in row-major slices, for fits that must give the same bits on every platform.

/// Solves A·X = B in place: `matrix` is n×n and is destroyed, `right` is n×`columns` and becomes X.
///
/// Gaussian elimination with partial pivoting. None when a pivot's magnitude is at most `smallest_pivot`.
pub(super) fn solve(
    matrix: &mut [f64],
    right: &mut [f64],
    columns: usize,
    smallest_pivot: f64,
) -> Option<()> {
    if columns == 0 {
        return Some(());
    }
    let n = right.len() / columns;
    for step in 0..n {
        let mut pivot = step;
        for row in step + 1..n {
            if matrix[row * n + step].abs() > matrix[pivot * n + step].abs() {
                pivot = row;
            }
        }
        let value = matrix[pivot * n + step];
        if value.is_nan() || value.abs() <= smallest_pivot {
            return None;
        }
        for column in 0..n {
            matrix.swap(step * n + column, pivot * n + column);
        }
        for column in 0..columns {
            right.swap(step * columns + column, pivot * columns + column);
        }
        for row in step + 1..n {
            let factor = matrix[row * n + step] / value;
            if factor != 0.0 {
                for column in step..n {
                    matrix[row * n + column] -= factor * matrix[step * n + column];
                }
                for column in 0..columns {
                    right[row * columns + column] -= factor * right[step * columns + column];
                }
            }
        }
    }
    for step in (0..n).rev() {
        for column in 0..columns {
            let mut value = right[step * columns + column];
            for later in step + 1..n {
                value -= matrix[step * n + later] * right[later * columns + column];
            }
            right[step * columns + column] = value / matrix[step * n + step];
        }
    }
    Some(())
}

/// Eigenvalues and eigenvectors of a symmetric n×n matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix
/// Computations, 8.5): the values, and a matrix whose column i is the unit vector of value i. Not sorted.
pub(super) fn symmetric_eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut vectors = vec![0.0; n * n];
    for i in 0..n {
        vectors[i * n + i] = 1.0;
    }
    // Convergence is quadratic: matrices of this size need fewer than ten sweeps.
    for _ in 0..64 {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let off = a[p * n + q];
                let negligible = f64::EPSILON * (a[p * n + p] * a[q * n + q]).abs().sqrt();
                if off == 0.0 || off.abs() <= negligible {
                    continue;
                }
                rotated = true;
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cosine = 1.0 / (t * t + 1.0).sqrt();
                let sine = t * cosine;
                for k in 0..n {
                    let (kp, kq) = (a[k * n + p], a[k * n + q]);
                    a[k * n + p] = cosine * kp - sine * kq;
                    a[k * n + q] = sine * kp + cosine * kq;
                }
                for k in 0..n {
                    let (pk, qk) = (a[p * n + k], a[q * n + k]);
                    a[p * n + k] = cosine * pk - sine * qk;
                    a[q * n + k] = sine * pk + cosine * qk;
                }
                a[p * n + q] = 0.0;
                a[q * n + p] = 0.0;
                for k in 0..n {
                    let (kp, kq) = (vectors[k * n + p], vectors[k * n + q]);
                    vectors[k * n + p] = cosine * kp - sine * kq;
                    vectors[k * n + q] = sine * kp + cosine * kq;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn singular_systems_are_refused() {
        let mut matrix = vec![1.0, 2.0, 2.0, 4.0];
        assert_eq!(solve(&mut matrix, &mut [1.0, 1.0], 1, 1e-12), None);
        let mut matrix = vec![f64::NAN];
        assert_eq!(solve(&mut matrix, &mut [1.0], 1, 1e-12), None);
    }

    proptest! {
        #[test]
        fn solutions_satisfy_their_system(
            n in 1usize..8,
            entries in proptest::collection::vec(-1.0f64..1.0, 64),
            right in proptest::collection::vec(-1.0f64..1.0, 16),
        ) {
            let mut matrix: Vec<f64> = entries[..n * n].to_vec();
            for i in 0..n {
                matrix[i * n + i] += 9.0; // dominant: far from singular
            }
            matrix.rotate_left(n); // and in need of pivoting
            let right = &right[..n * 2];
            let mut x = right.to_vec();
            solve(&mut matrix.clone(), &mut x, 2, 1e-9).unwrap();
            for row in 0..n {
                for column in 0..2 {
                    let product: f64 = (0..n).map(|k| matrix[row * n + k] * x[k * 2 + column]).sum();
                    prop_assert!((product - right[row * 2 + column]).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn eigenvectors_satisfy_their_equation(
            n in 1usize..11,
            entries in proptest::collection::vec(-1.0f64..1.0, 100),
        ) {
            let matrix: Vec<f64> = (0..n * n)
                .map(|at| entries[at] + entries[(at % n) * n + at / n])
                .collect();
            let (values, vectors) = symmetric_eigen(&matrix, n);
            for i in 0..n {
                for row in 0..n {
                    let product: f64 = (0..n).map(|k| matrix[row * n + k] * vectors[k * n + i]).sum();
                    prop_assert!((product - values[i] * vectors[row * n + i]).abs() < 1e-12);
                }
                for j in 0..n {
                    let dot: f64 = (0..n).map(|k| vectors[k * n + i] * vectors[k * n + j]).sum();
                    prop_assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
                }
            }
        }
    }
}
