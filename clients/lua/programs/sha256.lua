-- sha256.lua: message digests from integer bit operations.
--
-- SHA-256 (with HMAC), MD5, CRC-32, FNV-1a and SipHash-2-4, all on Lua's
-- 64-bit integers, checked against published vectors.  The SHA constants are
-- written down and verified (their upper halves) from cube roots of primes.

local MASK <const> = 0xFFFFFFFF

local K <const> = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

-- The first 32 bits of the fraction of a cube root, by integer bisection.
local function cube_fraction(p)
  local low, high = 0, 1 << 20           -- the root, scaled by 2^16 ...
  while high - low > 1 do
    local middle = (low + high) // 2
    if middle * middle * middle <= p << 48 then low = middle else high = middle end
  end
  return low & 0xFFFF                    -- ... so sixteen bits of fraction
end

local function rotate_right(x, n) return (x >> n | x << (32 - n)) & MASK end
local function rotate_left(x, n) return (x << n | x >> (32 - n)) & MASK end
local function hex(bytes) return (bytes:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

-- Merkle-Damgard padding to blocks of 64 bytes.
local function pad(message, length_format)
  local zeros = (55 - #message) % 64
  return message .. "\x80" .. ("\0"):rep(zeros) .. string.pack(length_format, #message * 8)
end

---------------------------------------------------------------- SHA-256

local function sha256(message)
  local h1, h2, h3, h4 = 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a
  local h5, h6, h7, h8 = 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  local text, w = pad(message, ">I8"), {}
  for at = 1, #text, 64 do
    for i = 1, 16 do w[i] = string.unpack(">I4", text, at + 4 * i - 4) end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = rotate_right(x, 7) ~ rotate_right(x, 18) ~ x >> 3
      local s1 = rotate_right(y, 17) ~ rotate_right(y, 19) ~ y >> 10
      w[i] = w[i - 16] + s0 + w[i - 7] + s1 & MASK
    end
    local a, b, c, d, e, f, g, h = h1, h2, h3, h4, h5, h6, h7, h8
    for i = 1, 64 do
      local s1 = rotate_right(e, 6) ~ rotate_right(e, 11) ~ rotate_right(e, 25)
      local t1 = h + s1 + (e & f ~ ~e & g) + K[i] + w[i]
      local s0 = rotate_right(a, 2) ~ rotate_right(a, 13) ~ rotate_right(a, 22)
      local t2 = s0 + (a & b ~ a & c ~ b & c)
      h, g, f, e, d, c, b, a = g, f, e, d + t1 & MASK, c, b, a, t1 + t2 & MASK
    end
    h1, h2, h3, h4 = h1 + a & MASK, h2 + b & MASK, h3 + c & MASK, h4 + d & MASK
    h5, h6, h7, h8 = h5 + e & MASK, h6 + f & MASK, h7 + g & MASK, h8 + h & MASK
  end
  return string.pack(">I4I4I4I4I4I4I4I4", h1, h2, h3, h4, h5, h6, h7, h8)
end

local function hmac(key, message)
  if #key > 64 then key = sha256(key) end
  key = key .. ("\0"):rep(64 - #key)
  local function mask(with)
    return (key:gsub(".", function(c) return string.char(c:byte() ~ with) end))
  end
  return sha256(mask(0x5c) .. sha256(mask(0x36) .. message))
end

---------------------------------------------------------------- MD5

local md5_shifts <const> = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } }
local md5_table = {}
for i = 1, 64 do md5_table[i] = math.floor(math.abs(math.sin(i)) * 4294967296.0) end

local md5_rounds <const> = {
  { 1, 0, function(x, y, z) return x & y | ~x & z end },
  { 5, 1, function(x, y, z) return x & z | y & ~z end },
  { 3, 5, function(x, y, z) return x ~ y ~ z end },
  { 7, 0, function(x, y, z) return y ~ (x | ~z & MASK) end },
}

local function md5(message)
  local a0, b0, c0, d0 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
  local text = pad(message, "<I8")
  for at = 1, #text, 64 do
    local words = { string.unpack("<" .. ("I4"):rep(16), text, at) }
    local a, b, c, d = a0, b0, c0, d0
    for i = 0, 63 do
      local round = i // 16 + 1
      local multiplier, offset, mix = table.unpack(md5_rounds[round])
      local sum = a + mix(b, c, d) + md5_table[i + 1] + words[(multiplier * i + offset) % 16 + 1]
      a, d, c, b = d, c, b, b + rotate_left(sum & MASK, md5_shifts[round][i % 4 + 1]) & MASK
    end
    a0, b0, c0, d0 = a0 + a & MASK, b0 + b & MASK, c0 + c & MASK, d0 + d & MASK
  end
  return string.pack("<I4I4I4I4", a0, b0, c0, d0)
end

---------------------------------------------------------------- smaller hashes

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c >> 1 ~ (c & 1) * 0xEDB88320 end
  crc_table[i] = c
end

local function crc32(text)
  local crc = MASK
  for i = 1, #text do crc = crc_table[(crc ~ text:byte(i)) & 0xFF] ~ crc >> 8 end
  return crc ~ MASK
end

local function fnv1a(text)
  local h = 0xcbf29ce484222325
  for _, c in ipairs { text:byte(1, -1) } do h = (h ~ c) * 0x100000001b3 end
  return h
end

local function siphash(key, text)
  local k0, k1 = string.unpack("<i8i8", key)
  local v0, v1 = k0 ~ 0x736f6d6570736575, k1 ~ 0x646f72616e646f6d
  local v2, v3 = k0 ~ 0x6c7967656e657261, k1 ~ 0x7465646279746573
  local function round(times)
    for _ = 1, times do
      v0 = v0 + v1; v1 = (v1 << 13 | v1 >> 51) ~ v0; v0 = v0 << 32 | v0 >> 32
      v2 = v2 + v3; v3 = (v3 << 16 | v3 >> 48) ~ v2
      v0 = v0 + v3; v3 = (v3 << 21 | v3 >> 43) ~ v0
      v2 = v2 + v1; v1 = (v1 << 17 | v1 >> 47) ~ v2; v2 = v2 << 32 | v2 >> 32
    end
  end
  local padded = text .. ("\0"):rep(7 - #text % 8) .. string.char(#text & 0xFF)
  for at = 1, #padded, 8 do
    local m = string.unpack("<i8", padded, at)
    v3 = v3 ~ m
    round(2)
    v0 = v0 ~ m
  end
  v2 = v2 ~ 0xFF
  round(4)
  return v0 ~ v1 ~ v2 ~ v3
end

---------------------------------------------------------------- vectors

local fox <const> = "The quick brown fox jumps over the lazy dog"
local failures = 0
local function check(name, got, want)
  if got ~= want then failures = failures + 1 end
  print(got == want and "ok  " or "FAIL", name, got)
end

check("sha256 empty", hex(sha256 ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
check("sha256 abc", hex(sha256 "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
check("sha256 448 bits", hex(sha256 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
check("hmac fox", hex(hmac("key", fox)), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
check("md5 empty", hex(md5 ""), "d41d8cd98f00b204e9800998ecf8427e")
check("md5 fox", hex(md5(fox)), "9e107d9d372bb6826bd81d3542a419d6")
check("crc32", string.format("%08x", crc32 "123456789"), "cbf43926")
check("crc32 fox", string.format("%08x", crc32(fox)), "414fa339")
check("fnv1a foobar", string.format("%016x", fnv1a "foobar"), "85944171f73967e8")
local bytes = string.char(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
check("siphash", string.format("%016x", siphash(bytes, bytes:sub(1, 15))), "a129ca6149be45e5")

local primes, agree = {}, 0
for n = 2, 311 do
  local prime = true
  for _, p in ipairs(primes) do prime = prime and n % p ~= 0 end
  if prime then primes[#primes + 1] = n end
end
for i, p in ipairs(primes) do
  if cube_fraction(p) == K[i] >> 16 then agree = agree + 1 end
end
print("constants", #primes, agree)
local chained = sha256 "seed"
for _ = 1, 40 do chained = sha256(chained .. chained:reverse()) end
print("chained", hex(chained))
print("long", hex(md5(fox:rep(40))), string.format("%08x", crc32(fox:rep(40))), "failures", failures)
