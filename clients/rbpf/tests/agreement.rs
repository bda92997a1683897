//! Programs give the same results interpreted and compiled, from sealed pages: those that are expected.

mod common;

use common::{PRIMES, both, helpers, program};
use permacode::CodeArena;
use permacode_rbpf::{EbpfError, Program};

#[test]
fn arithmetic_wraps_divides_and_shifts() {
    let cases: &[(&str, u64)] = &[
        ("mov32 r0, 0\nmov32 r1, 2\nadd32 r0, 1\nadd32 r0, r1\nexit", 3),
        ("mov r0, 0\nsub r0, 1\nexit", u64::MAX),
        ("mov32 r0, 0\nsub32 r0, 1\nexit", 0xffff_ffff),
        ("lddw r0, 0x1122334455667788\nexit", 0x1122_3344_5566_7788),
        ("lddw r0, 0x8000000000000000\nrsh r0, 63\nexit", 1),
        ("mov r0, -8\narsh r0, 2\nexit", (-2i64) as u64),
        ("mov r0, 1\nmov r7, 33\nlsh r0, r7\nexit", 1 << 33),
        ("mov r0, 1000\nmov r8, 7\ndiv r0, r8\nexit", 142),
        ("mov r0, 1000\nmov r8, 7\nmod r0, r8\nexit", 6),
        ("mov r0, 1000\nmov r8, 0\ndiv r0, r8\nexit", 0),
        ("mov r0, 1000\nmov r8, 0\nmod r0, r8\nexit", 1000),
        ("mov r0, 0x7fffffff\nmul r0, r0\nexit", 0x7fff_ffff * 0x7fff_ffff),
        ("mov r0, 0xf0\nxor r0, 0xff\nor r0, 0x100\nand r0, 0x1ff\nneg r0\nexit", (-0x10fi64) as u64),
        ("lddw r0, 0x1122334455667788\nbe64 r0\nexit", 0x8877_6655_4433_2211),
        ("mov r0, 0x1122\nbe16 r0\nexit", 0x2211),
    ];
    for (text, expected) in cases {
        assert_eq!(both(text, &[]).0, *expected, "{text}");
    }
}

#[test]
fn loops_end_where_they_should() {
    assert_eq!(both("mov r0, 1\nmov r1, 10\nmul r0, r1\nsub r1, 1\njne r1, 0, -3\nexit", &[]).0, 3_628_800);
    assert_eq!(both(PRIMES, &100u64.to_le_bytes()).0, 25);
    assert_eq!(both(PRIMES, &1000u64.to_le_bytes()).0, 168);
}

#[test]
fn jumps_compare_signed_and_unsigned() {
    for (jump, taken) in [
        ("jgt r1, 5, +1", true),
        ("jsgt r1, 5, +1", false),
        ("jslt r1, 0, +1", true),
        ("jlt r1, 5, +1", false),
        ("jset r1, 8, +1", true),
        ("jeq r1, r2, +1", false),
        ("jeq32 r1, -1, +1", true),
        ("jsge32 r1, 0, +1", false),
    ] {
        let text = format!("mov r0, 1\nmov r1, -1\nmov r2, 1\n{jump}\nmov r0, 0\nexit");
        assert_eq!(both(&text, &[]).0, u64::from(taken), "{jump}");
    }
}

/// What the README says of rbpf: eBPF extends the sign of an immediate; the compiler does, the interpreter does not.
#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn rbpf_interprets_a_jump_by_a_negative_immediate_otherwise_than_it_compiles_it() {
    let arena = CodeArena::new().unwrap();
    let program = program(&arena, &common::assemble("mov r0, 1\nmov r1, -1\njeq r1, -1, +1\nmov r0, 0\nexit"));
    let interpreted = program.interpreter(&helpers()).unwrap().run(&mut []).unwrap();
    // SAFETY: the program accesses no memory.
    let compiled = unsafe { common::native(&arena, program).run(&mut []) };
    assert_eq!((interpreted, compiled), (0, 1), "was rbpf mended? Then change the README");
}

#[test]
fn memory_and_stack_are_read_and_written_in_every_width() {
    let text = "
        ldxb r2, [r1]
        ldxh r3, [r1+2]
        ldxw r4, [r1+4]
        ldxdw r5, [r1+8]
        stxdw [r10-8], r5
        stxw [r10-16], r4
        stb [r1+16], 0x5a
        stxh [r1+18], r3
        stw [r1+20], 0x01020304
        ldxdw r0, [r10-8]
        ldxw r6, [r10-16]
        add r0, r6
        add r0, r3
        add r0, r2
        stxdw [r1+24], r0
        exit";
    let memory: Vec<u8> = (1..=32).collect();
    let (result, after) = both(text, &memory);
    assert_eq!(result, 0x100f_0e0d_0c0b_0a09 + 0x0807_0605 + 0x0403 + 1);
    assert_eq!(after[..16], memory[..16]);
    assert_eq!(after[16..24], [0x5a, 18, 3, 4, 4, 3, 2, 1]);
    assert_eq!(after[24..], result.to_le_bytes());
}

#[test]
fn a_packet_filter_finds_its_packets() {
    // IPv4 over Ethernet, TCP, to port 443, without options: 1, else 0.
    let text = "
        mov r0, 0
        ldxh r2, [r1+12]
        be16 r2
        jne r2, 0x0800, +10
        ldxb r3, [r1+14]
        and r3, 0xf
        lsh r3, 2
        ldxb r4, [r1+23]
        jne r4, 6, +5
        add r1, r3
        ldxh r5, [r1+16]
        be16 r5
        jne r5, 443, +1
        mov r0, 1
        exit";
    let mut packet = [0u8; 64];
    packet[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    packet[23] = 6;
    packet[36..38].copy_from_slice(&443u16.to_be_bytes());
    assert_eq!(both(text, &packet).0, 1);
    packet[37] ^= 1;
    assert_eq!(both(text, &packet).0, 0);
    packet[37] ^= 1;
    packet[23] = 17;
    assert_eq!(both(text, &packet).0, 0);
}

#[test]
fn helpers_are_called_with_five_arguments() {
    let text = "mov r1, 1\nmov r2, 2\nmov r3, 3\nmov r4, 4\nmov r5, 5\ncall 1\nmov r6, r0\nmov r1, 6\ncall 1\nadd r0, r6\nexit";
    let text = text.replace("mov r1, 6", "mov r1, 6\nmov r2, 0\nmov r3, 0\nmov r4, 0\nmov r5, 0");
    assert_eq!(both(&text, &[]).0, 54321 + 6);
}

#[test]
fn a_program_beyond_rbpfs_own_page_of_machine_code_is_compiled() {
    let text = format!("mov r0, 0\n{}exit", "add r0, 3\n".repeat(3000));
    let arena = CodeArena::new().unwrap();
    let long = program(&arena, &common::assemble(&text));
    if cfg!(all(target_arch = "x86_64", unix)) {
        assert!(long.compile(&helpers()).unwrap().bytes().len() > 2 * 4096);
    }
    assert_eq!(both(&text, &[]).0, 9000);
}

#[test]
fn what_the_verifier_refuses_never_touches_the_arena() {
    let arena = CodeArena::new().unwrap();
    let loader = arena.load("m").unwrap();
    for bytes in [
        &[0u8; 7][..],
        &[],
        &[0xff; 8],
        &common::assemble("mov r0, 1"),
        &[0xdb, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0],
    ] {
        assert!(matches!(Program::place(&loader, bytes), Err(EbpfError::Refused(_))), "{bytes:x?}");
    }
    assert_eq!(loader.finish().bytes(), 0);
}

#[test]
fn an_access_out_of_bounds_is_an_error_of_the_interpreter() {
    let arena = CodeArena::new().unwrap();
    let outside = program(&arena, &common::assemble("ldxdw r0, [r1+1]\nexit"));
    let refused = outside.interpreter(&helpers()).unwrap().run(&mut [0; 8]).unwrap_err();
    assert!(refused.to_string().contains("out of bounds"), "{refused}");
}

#[test]
fn a_helper_that_is_not_there_is_an_error_of_both() {
    let arena = CodeArena::new().unwrap();
    let lost = program(&arena, &common::assemble("call 77\nexit"));
    assert!(lost.interpreter(&helpers()).unwrap().run(&mut []).is_err());
    assert!(lost.compile(&helpers()).is_err());
}
