use super::*;

#[test]
fn one_source_has_a_few_and_all_have_more() {
    let mut challenges = Challenges::default();
    let source = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
    let taken = |challenges: &mut Challenges, number, now| challenges.take(source(number), 7, now);
    let now = Duration::from_secs(100);
    assert_eq!((0..1000).filter(|_| taken(&mut challenges, 1, now)).count(), 20);
    let later = now + Duration::from_secs(1);
    assert_eq!((0..1000).filter(|_| taken(&mut challenges, 1, later)).count(), 10);
    let all = (0..100_000).filter(|number| taken(&mut challenges, number + 1_000, later)).count();
    assert!((480..=500).contains(&all), "{all}");
}
