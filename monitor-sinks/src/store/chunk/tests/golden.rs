//! Golden bytes: what was written once must be readable for ever.

use super::*;

#[test]
fn version_one_is_written_as_it_always_was() {
    let mut scratch = Scratch::default();
    let (mut blob, mut merged) = (Vec::new(), Vec::new());
    let minutes = |minute: i64| 1_000_000_000 + 60_000_000 * minute;
    times::encode(&[minutes(0) + 5, minutes(1) + 7, minutes(3) + 5], 60_000_000, &mut blob).unwrap();
    assert_eq!(hex(&blob), "010100028aa8d6b907849c9c39fcb7b872");
    let grid: Vec<i64> = (0..5).map(|n| 1_000_000 * n + 60).collect();
    times::encode(&grid, 1_000_000, &mut blob).unwrap();
    assert_eq!(hex(&blob), "010100017880897a");

    let cases = [
        (vec![whole(0, 300, 300), whole(1, 305, 5), whole(2, 305, 0), whole(3, 305, 0)], "01020001ac0202d8040a0001"),
        (vec![whole(0, 300, 2), whole(3, 312, 5)], "01020209050201d80418000e"),
        (
            vec![whole(1, 2, 2), fractional(2, 2.5, 0.5), fractional(3, 2.625, 0.125)],
            "0102020e0b01020004000000000000e03f028240808002",
        ),
        (
            vec![fractional(0, 0.1, 0.1), fractional(1, 0.1 + 0.2, 0.2)],
            "01020203029a9999999999b93f02fcbbe6cc99b3e6cc59801c0000",
        ),
    ];
    for (entries, wanted) in cases {
        assert_eq!(hex(&assert_counter(&entries, 4, &mut scratch)), wanted);
    }
    let mut few = |values: [f64; 3]| hex(&assert_gauge(&gauges(&[1, 3, 17], &values), 18, &mut scratch));
    assert_eq!(few([0.5; 3]), "0103020a000200fc0f");
    assert_eq!(few([0.1, 0.1, 0.25]), "0103020a000202fcbbe6cc99b3e6cc59000080ace6cc99b3e6cc59");
    assert_eq!(few([7.0, 7.5, -3.25]), "0103020a00020282708080018150");
    let bitmap: Vec<u32> = (0..20).step_by(2).collect();
    assert_eq!(hex(&assert_gauge(&gauges(&bitmap, &[0.0; 10]), 20, &mut scratch)), "0103025555050000");
    let halves: Vec<f64> = (0..30).map(|n| f64::from(n * n % 170) / 2.0).collect();
    let at: Vec<u32> = (0..30).collect();
    assert_eq!(
        hex(&assert_gauge(&gauges(&at, &halves), 30, &mut scratch)),
        "01030005ff020002060a0e12161a1e22262a2e329d023a3e424689024e5256f9015e6266e9016e72"
    );

    let mut values = Values::default();
    values.push(0, Moments { sum: 3.0, min: 1.0, max: 2.0 }, &[(960, 1), (992, 1)]);
    values.push(1, Moments { sum: 2.0, min: 2.0, max: 2.0 }, &[(992, 1)]);
    values::encode(&values, 2, &mut blob, &mut merged).unwrap();
    assert_eq!(
        hex(&blob),
        "01040002c00720010401020002000000020101ffffffffe702808080807801ffffffff77ffffffff7700ffffffffef01"
    );
    assert_eq!(hex(&merged), "01050000000000001440000000000000f03f0000000000000040c007012002");
    let mut values = Values::default();
    values.push(0, Moments { sum: 0.1, min: 0.1, max: 0.1 }, &[(722, 1)]);
    values.push(1, Moments { sum: 0.1, min: 0.1, max: 0.1 }, &[(722, 1)]);
    values::encode(&values, 2, &mut blob, &mut merged).unwrap();
    assert_eq!(hex(&blob), "01040001d2050002000000020000fcbbe6cc99b3e6cc5900fcbbe6cc99b3e6cc5900fcbbe6cc99b3e6cc59");
}

/// How tightly a packed column is written may change with pco; that it is read may not.
#[test]
fn packed_columns_of_version_one_are_read() {
    let (mut scratch, mut counters, mut back) = (Scratch::default(), Vec::new(), Vec::new());
    counter::decode(&bytes(PACKED_WHOLE), 40, &mut scratch, &mut counters).unwrap();
    let mut total = 0;
    for (at, entry) in (0..40).zip(&counters) {
        total += step(at);
        assert_eq!(*entry, whole(at, total, step(at)));
    }
    gauge::decode(&bytes(PACKED_SCALED), 40, &mut scratch, &mut back).unwrap();
    assert!(back.iter().all(|entry| entry.value.to_bits() == root(entry.at).to_bits()));
    assert_eq!((counters.len(), back.len()), (40, 40));
    gauge::decode(&bytes(PACKED_FLOATS), 20, &mut scratch, &mut back).unwrap();
    assert!(back.iter().all(|entry| entry.value.to_bits() == inverse(entry.at).to_bits()));
    assert_eq!(back.len(), 20);
}

const PACKED_WHOLE: &str = concat!(
    "0102000100030401100101000c000000000000400500000000000000807f337a0faab7f37000c69fb1fd0a4e1f91f12e",
    "3c3772fb2d90ff10fc07505f71f339765733710808ff52f52e0057307030",
);
const PACKED_SCALED: &str = concat!(
    "01030005e90304011001010046070500000000c00af304b5000000008058a0beb307bba3506ea1c808f1c0a69ae3f9c2",
    "b7551ab3093f1ae93120b1aee30b6c10670cd86c01f32904d304008e60511094df81fb36d04a06ecb700f1144c6082bc",
    "4450ba070edd80831880b102df4a000208f0d600eb15b025028032802004c84000000000",
);
const PACKED_FLOATS: &str = concat!(
    "01030003040110010100cdccccccccccfcbf19555555555555d5bf11111111111101000000000040888888888888466b",
    "b4466bb4461dd4411dd441c1166cc1166c91e3388ee3384e823c25c8538275a45e47ea752c611226611226f9933ff993",
    "3fcba55ccaa55c5a555555555555424242424242923de8923de852cec9d2c0e49cd8505e43790d25977229977229e57d",
    "9870ac5201",
);

fn inverse(at: u32) -> f64 {
    1.0 / f64::from(at + 3)
}

fn step(at: u32) -> u64 {
    u64::from(at * at * 7919 % 1000)
}

fn root(at: u32) -> f64 {
    f64::from(((at + 2) as f32).sqrt())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|half| char::from(b"0123456789abcdef"[half as usize]))
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap()).collect()
}
