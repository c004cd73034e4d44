//! Sums and products of what is known before a case runs, worked out: `IRS+1+1000*3` is `IRS+3001`.
//!
//! Parameters put such arithmetic into specs. Named constants stay: `LINK.MSS` says more than 1460.

use crate::spec::case::Expr;

/// The expression as its author would have written it for this case alone.
pub(super) fn folded(expr: &Expr) -> Expr {
    match expr {
        Expr::Add(left, right) => sum(folded(left), folded(right), 1),
        Expr::Sub(left, right) => sum(folded(left), folded(right), -1),
        Expr::Mul(left, right) => product(folded(left), folded(right)),
        Expr::Min(left, right) => {
            let (left, right) = (folded(left), folded(right));
            chosen(&left, &right, i64::min)
                .unwrap_or_else(|| Expr::Min(Box::new(left), Box::new(right)))
        }
        Expr::Max(left, right) => {
            let (left, right) = (folded(left), folded(right));
            chosen(&left, &right, i64::max)
                .unwrap_or_else(|| Expr::Max(Box::new(left), Box::new(right)))
        }
        _ => expr.clone(),
    }
}

/// `left + right`, or with the sign -1 `left - right`.
fn sum(left: Expr, right: Expr, sign: i64) -> Expr {
    let plain = |left: Expr, right: Expr| match sign {
        1 => Expr::Add(Box::new(left), Box::new(right)),
        _ => Expr::Sub(Box::new(left), Box::new(right)),
    };
    let added = |a: i64, b: i64| a.checked_add(b.checked_mul(sign)?);
    match (&left, &right) {
        (Expr::Number(a), Expr::Number(b)) => added(*a, *b).map(Expr::Number),
        (Expr::Duration(a), Expr::Duration(b)) => added(*a, *b).map(Expr::Duration),
        (Expr::Add(rest, a), Expr::Number(b)) => match &**a {
            Expr::Number(a) => added(*a, *b).map(|more| beyond((**rest).clone(), more)),
            _ => None,
        },
        (Expr::Sub(rest, a), Expr::Number(b)) => match &**a {
            Expr::Number(a) => added(-*a, *b).map(|more| beyond((**rest).clone(), more)),
            _ => None,
        },
        (_, Expr::Number(0)) => Some(left.clone()),
        _ => None,
    }
    .unwrap_or_else(|| plain(left, right))
}

/// `rest + more`, with a sign that fits.
fn beyond(rest: Expr, more: i64) -> Expr {
    match more {
        0 => rest,
        1.. => Expr::Add(Box::new(rest), Box::new(Expr::Number(more))),
        _ => Expr::Sub(Box::new(rest), Box::new(Expr::Number(-more))),
    }
}

fn product(left: Expr, right: Expr) -> Expr {
    let worked_out = match (&left, &right) {
        (Expr::Number(a), Expr::Number(b)) => a.checked_mul(*b).map(Expr::Number),
        (Expr::Number(a), Expr::Duration(b)) | (Expr::Duration(b), Expr::Number(a)) => {
            a.checked_mul(*b).map(Expr::Duration)
        }
        (Expr::Ratio(ratio), Expr::Duration(time)) | (Expr::Duration(time), Expr::Ratio(ratio)) => {
            let thousandfold = time.checked_mul(*ratio);
            let whole = thousandfold.filter(|product| product % 1000 == 0);
            whole.map(|product| Expr::Duration(product / 1000))
        }
        _ => None,
    };
    worked_out.unwrap_or_else(|| Expr::Mul(Box::new(left), Box::new(right)))
}

fn chosen(left: &Expr, right: &Expr, choose: fn(i64, i64) -> i64) -> Option<Expr> {
    match (left, right) {
        (Expr::Number(a), Expr::Number(b)) => Some(Expr::Number(choose(*a, *b))),
        (Expr::Duration(a), Expr::Duration(b)) => Some(Expr::Duration(choose(*a, *b))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::expr::{Constants, Names, Type, value};
    use proptest::prelude::*;
    use rstest::rstest;

    struct Nothing;

    impl Names for Nothing {
        fn conn(&self, _: &str) -> Option<usize> {
            None
        }
        fn captured(&self, _: &str) -> bool {
            true
        }
        fn known(&self) -> Vec<String> {
            Vec::new()
        }
        fn parameter(&self, name: &str) -> Result<String, String> {
            Err(name.to_owned())
        }
        fn constants(&self) -> Constants {
            Constants::default()
        }
    }

    #[rstest]
    #[case("IRS+1+1000*3", Type::Sequence, "IRS+3001")]
    #[case("IRS+1001-1001", Type::Sequence, "IRS")]
    #[case("SND.NXT-10+4", Type::Sequence, "SND.NXT-6")]
    #[case("max(100, 400)-100", Type::Number, "300")]
    #[case("500ms*2", Type::Duration, "1s")]
    #[case("1.5*2s", Type::Duration, "3s")]
    #[case("1.5*prev.after", Type::Duration, "1.5*prev.after")]
    #[case("LINK.MSS-12", Type::Number, "LINK.MSS-12")]
    #[case("2*MSL-1s", Type::Duration, "2*MSL-1s")]
    fn what_is_known_is_worked_out(#[case] text: &str, #[case] want: Type, #[case] shown: &str) {
        let expr = value(text, want, &Nothing).unwrap();
        assert_eq!(folded(&expr).to_string(), shown);
    }

    proptest! {
        #[test]
        fn folding_changes_no_value(
            a in -9_i64..9, b in -9_i64..9, c in -9_i64..9, text in "[+*-][+*-]",
        ) {
            let signs: Vec<char> = text.chars().collect();
            let text = format!("({a}){}({b}){}({c})", signs[0], signs[1]);
            let expr = value(&text, Type::Number, &Nothing).unwrap();
            let whole = crate::spec::expand::constant(&expr).unwrap();
            prop_assert_eq!(folded(&expr), Expr::Number(whole));
        }
    }
}
