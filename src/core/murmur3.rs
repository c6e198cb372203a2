//! MurmurHash3 in its variant for 32 bits, as Optimizely's SDKs use it.
//!
//! Austin Appleby's `MurmurHash3_x86_32` (public domain, SMHasher). Written here because the
//! text to be hashed comes in two parts, which are thus hashed without being joined first.

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// The hash of the two parts, one directly behind the other.
///
/// ```
/// use lotty_core::murmur3::murmur3_32;
/// // From the tests of Optimizely's SDKs.
/// assert_eq!(murmur3_32(b"ppid1", b"1886780721", 1), 2_256_854_705);
/// assert_eq!(murmur3_32(b"ppid11", b"886780721", 1), 2_256_854_705);
/// ```
pub fn murmur3_32(first: &[u8], second: &[u8], seed: u32) -> u32 {
    let mut hash = seed;
    let mut length = 0_u32;
    let mut block = 0_u32;
    for byte in first.iter().chain(second) {
        block |= u32::from(*byte) << (8 * (length % 4));
        length = length.wrapping_add(1);
        if length.is_multiple_of(4) {
            hash = (hash ^ scrambled(block))
                .rotate_left(13)
                .wrapping_mul(5)
                .wrapping_add(0xe654_6b64);
            block = 0;
        }
    }
    // Without bytes left over the block is 0, and so is what it is scrambled to.
    finish(hash ^ scrambled(block) ^ length)
}

fn scrambled(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

fn finish(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        // Published test vectors of MurmurHash3_x86_32.
        for (text, seed, hash) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("test", 0x9747_b28c, 0x704b_81dc),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
            (
                "The quick brown fox jumps over the lazy dog",
                0x9747_b28c,
                0x2fa8_26cd,
            ),
        ] {
            for cut in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(cut);
                assert_eq!(murmur3_32(first, second, seed), hash, "{text:?} {cut}");
            }
        }
    }
}
