//! A caller that calls too often is refused; others, and the same one a moment later, are not.

use super::*;

fn rates(per_second: u32, burst: u32, at_once: u32) -> Rates {
    Rates(Arc::new(Inner {
        per_second: per_second.into(),
        burst: burst.into(),
        at_once,
        callers: Mutex::new(Callers { buckets: HashMap::new(), swept: Instant::now() }),
    }))
}

fn known(n: u32) -> Who {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&n.to_le_bytes());
    Who::Known(hash)
}

fn pass(rates: &Rates, time: Duration) {
    let mut callers = rates.0.callers.lock().unwrap();
    callers.buckets.values_mut().for_each(|bucket| bucket.at -= time);
    callers.swept -= time;
}

#[test]
fn a_caller_has_a_burst_and_then_what_comes_back_with_time() {
    let rates = rates(1, 3, 10);
    for _ in 0..3 {
        assert_eq!(rates.take(known(1)), Ok(()));
    }
    let refused = ApiError::Limit { limit: PER_SECOND.to_owned(), value: 1 };
    assert_eq!(rates.take(known(1)), Err(refused.clone()));
    assert_eq!(rates.check(known(1)), Err(refused));
    assert_eq!(rates.take(known(2)), Ok(()), "another caller has its own");
    pass(&rates, Duration::from_secs(1));
    assert_eq!(rates.take(known(1)), Ok(()));
    assert!(rates.take(known(1)).is_err());
    pass(&rates, Duration::from_secs(3600));
    assert_eq!((0..4).filter(|_| rates.take(known(1)).is_ok()).count(), 3, "never more than the burst");
}

#[test]
fn a_look_takes_nothing() {
    let rates = rates(1, 1, 1);
    for _ in 0..10 {
        assert_eq!(rates.check(known(1)), Ok(()));
    }
    assert_eq!(rates.take(known(1)), Ok(()));
}

#[test]
fn calls_at_work_have_places_that_they_give_back() {
    let rates = rates(100, 100, 2);
    let (one, _two) = (rates.begin(known(1)).ok().unwrap(), rates.begin(known(1)).ok().unwrap());
    let refused = rates.begin(known(1)).err();
    assert_eq!(refused, Some(ApiError::Limit { limit: AT_ONCE.to_owned(), value: 2 }));
    drop(one);
    assert!(rates.begin(known(1)).is_ok());
}

#[test]
fn addresses_of_one_network_are_one_caller() {
    let of = |text: &str| address(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn the_table_is_bounded_and_makes_place_again() {
    let rates = rates(1, 2, 1);
    for n in 0..20_000 {
        let _ = rates.take(known(n));
    }
    let remembered = |rates: &Rates| rates.0.callers.lock().unwrap().buckets.len();
    assert_eq!(remembered(&rates), CALLERS + 1, "and one for all others");
    assert!(rates.take(known(30_000)).is_err(), "the others share what one has");
    assert_eq!(rates.take(known(7)), Ok(()), "one that is known keeps its own");
    pass(&rates, Duration::from_secs(10));
    assert_eq!(rates.take(known(30_001)), Ok(()));
    assert_eq!(remembered(&rates), 1);
}
