//! Four small functions, assembled for two processors: bytes, wherever they will lie.

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::relocations::Relocation;
use dynasmrt::x64::X64Relocation;
use dynasmrt::{AssemblyOffset, DynasmApi, DynasmError, DynasmLabelApi, VecAssembler, dynasm};

/// Machine code, and where in it each function begins.
pub struct Assembled {
    pub bytes: Vec<u8>,
    /// `add(a, b)`: their sum.
    pub add: usize,
    /// `factorial(n)`, by a loop.
    pub factorial: usize,
    /// `copy(to, from, length)`, byte by byte: how many.
    pub copy: usize,
    /// `call(table, index, a, b)`: the function in that place, with two arguments.
    pub call: usize,
}

impl Assembled {
    fn new<R: Relocation>(ops: VecAssembler<R>, starts: [AssemblyOffset; 4]) -> Result<Self, DynasmError> {
        let [add, factorial, copy, call] = starts.map(|AssemblyOffset(start)| start);
        Ok(Self { bytes: ops.finalize()?, add, factorial, copy, call })
    }

    /// For this processor, if it is one of the two.
    pub fn for_this_processor() -> Option<Result<Self, DynasmError>> {
        match std::env::consts::ARCH {
            "x86_64" => Some(x86_64()),
            "aarch64" => Some(aarch64()),
            _ => None,
        }
    }
}

/// For x86-64, called as Unix does.
pub fn x86_64() -> Result<Assembled, DynasmError> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    let add = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; lea rax, [rdi + rsi]
        ; ret
        ; .align 16
    );
    let factorial = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; mov eax, 1
        ; test rdi, rdi
        ; jz >end
        ; next:
        ; imul rax, rdi
        ; dec rdi
        ; jnz <next
        ; end:
        ; ret
        ; .align 16
    );
    let copy = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; xor eax, eax
        ; next:
        ; cmp rax, rdx
        ; jae >end
        ; mov cl, [rsi + rax]
        ; mov [rdi + rax], cl
        ; inc rax
        ; jmp <next
        ; end:
        ; ret
        ; .align 16
    );
    let call = ops.offset();
    dynasm!(ops
        ; .arch x64
        ; mov rax, [rdi + rsi * 8]
        ; mov rdi, rdx
        ; mov rsi, rcx
        ; jmp rax
    );
    Assembled::new(ops, [add, factorial, copy, call])
}

/// For aarch64.
pub fn aarch64() -> Result<Assembled, DynasmError> {
    let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
    let add = ops.offset();
    dynasm!(ops
        ; .arch aarch64
        ; add x0, x0, x1
        ; ret
    );
    let factorial = ops.offset();
    dynasm!(ops
        ; .arch aarch64
        ; movz x1, 1
        ; cbz x0, >end
        ; next:
        ; mul x1, x1, x0
        ; subs x0, x0, 1
        ; b.ne <next
        ; end:
        ; mov x0, x1
        ; ret
    );
    let copy = ops.offset();
    dynasm!(ops
        ; .arch aarch64
        ; movz x3, 0
        ; next:
        ; cmp x3, x2
        ; b.hs >end
        ; ldrb w4, [x1, x3]
        ; strb w4, [x0, x3]
        ; add x3, x3, 1
        ; b <next
        ; end:
        ; mov x0, x3
        ; ret
    );
    let call = ops.offset();
    dynasm!(ops
        ; .arch aarch64
        ; ldr x4, [x0, x1, lsl 3]
        ; mov x0, x2
        ; mov x1, x3
        ; br x4
    );
    Assembled::new(ops, [add, factorial, copy, call])
}
