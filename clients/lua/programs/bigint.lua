-- bigint.lua: arbitrary-precision natural numbers with signs.
--
-- Limbs of seven decimal digits, least significant first.  Addition,
-- subtraction, schoolbook and Karatsuba products, long division (Knuth's
-- algorithm D), powers and square roots; used for factorials, Fibonacci
-- numbers, digits of pi (two independent ways) and a modular power.

local BASE <const>, WIDTH <const> = 10000000, 7

local Big = {}
Big.__index = Big

local function trim(n)
  while #n > 0 and n[#n] == 0 do n[#n] = nil end
  if #n == 0 then n.negative = false end
  return n
end

local function raw(negative) return setmetatable({ negative = negative or false }, Big) end

local function big(value)
  if getmetatable(value) == Big then return value end
  local text = tostring(value)
  local sign, digits = text:match "^(-?)(%d+)$"
  if not digits then error("not an integer: " .. text, 2) end
  local n = raw(sign == "-")
  for last = #digits, 1, -WIDTH do
    n[#n + 1] = math.tointeger(tonumber(digits:sub(math.max(1, last - WIDTH + 1), last)))
  end
  return trim(n)
end

-- Compares absolute values: -1, 0 or 1.
local function compare(a, b)
  if #a ~= #b then return #a < #b and -1 or 1 end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return 0
end

local function add(a, b)
  local sum, carry = raw(), 0
  for i = 1, math.max(#a, #b) do
    local limb = (a[i] or 0) + (b[i] or 0) + carry
    if limb >= BASE then sum[i], carry = limb - BASE, 1 else sum[i], carry = limb, 0 end
  end
  if carry > 0 then sum[#sum + 1] = carry end
  return sum
end

local function subtract(a, b)        -- |a| >= |b|
  local difference, borrow = raw(), 0
  for i = 1, #a do
    local limb = a[i] - (b[i] or 0) - borrow
    if limb < 0 then difference[i], borrow = limb + BASE, 1 else difference[i], borrow = limb, 0 end
  end
  return trim(difference)
end

local function multiply(a, b)
  local product = raw()
  for i = 1, #a + #b do product[i] = 0 end
  for i = 1, #a do
    local carry, ai = 0, a[i]
    for j = 1, #b do
      local at = i + j - 1
      local limb = product[at] + ai * b[j] + carry
      product[at], carry = limb % BASE, limb // BASE
    end
    product[i + #b] = product[i + #b] + carry
  end
  return trim(product)
end

local function slice(a, from, to)
  return trim(table.move(a, from, math.min(to, #a), 1, raw()))
end

local function shift(a, limbs)
  if #a == 0 then return a end
  local out = table.move(a, 1, #a, limbs + 1, raw())
  for i = 1, limbs do out[i] = 0 end
  return out
end

local function karatsuba(a, b)
  if #a < 40 or #b < 40 then return multiply(a, b) end
  local half = math.max(#a, #b) // 2
  local a0, a1, b0, b1 = slice(a, 1, half), slice(a, half + 1, #a), slice(b, 1, half), slice(b, half + 1, #b)
  local low, high = karatsuba(a0, b0), karatsuba(a1, b1)
  local middle = subtract(subtract(karatsuba(add(a0, a1), add(b0, b1)), low), high)
  return add(add(shift(high, 2 * half), shift(middle, half)), low)
end

-- Quotient and remainder of absolute values.
local function divide(a, b)
  if #b == 0 then error("division by zero", 0) end
  if compare(a, b) < 0 then return raw(), a end
  local quotient = raw()
  if #b == 1 then
    local rest, d = 0, b[1]
    for i = #a, 1, -1 do
      local current = rest * BASE + a[i]
      quotient[i], rest = current // d, current % d
    end
    return trim(quotient), big(rest)
  end
  local scale = big(BASE // (b[#b] + 1))
  local u, v = multiply(a, scale), multiply(b, scale)
  while #u <= #a do u[#u + 1] = 0 end
  local n = #v
  for j = #u - n, 1, -1 do
    local top = u[j + n] * BASE + u[j + n - 1]
    local guess = math.min(top // v[n], BASE - 1)
    while guess * v[n - 1] > (top - guess * v[n]) * BASE + u[j + n - 2] do guess = guess - 1 end
    local borrow = 0
    for i = 1, n do
      local limb = u[i + j - 1] - guess * v[i] - borrow
      u[i + j - 1], borrow = limb % BASE, -(limb // BASE)
    end
    u[j + n] = u[j + n] - borrow
    if u[j + n] < 0 then
      guess = guess - 1
      local carry = 0
      for i = 1, n do
        local limb = u[i + j - 1] + v[i] + carry
        u[i + j - 1], carry = limb % BASE, limb // BASE
      end
      u[j + n] = u[j + n] + carry
    end
    quotient[j] = guess
  end
  local rest = divide(trim(u), scale)
  return trim(quotient), rest
end

local function signed(n, negative)
  n.negative = negative and #n > 0
  return n
end

Big.__unm = function(a) return signed(slice(a, 1, #a), not a.negative) end
Big.__add = function(a, b)
  a, b = big(a), big(b)
  if a.negative == b.negative then return signed(add(a, b), a.negative) end
  if compare(a, b) < 0 then a, b = b, a end
  return signed(subtract(a, b), a.negative)
end
Big.__sub = function(a, b) return big(a) + -big(b) end
Big.__mul = function(a, b)
  a, b = big(a), big(b)
  return signed(karatsuba(a, b), a.negative ~= b.negative)
end
-- Truncated division, unlike Lua's own floored `//` and `%`.
Big.__idiv = function(a, b)
  a, b = big(a), big(b)
  return signed(divide(a, b), a.negative ~= b.negative)
end
Big.__mod = function(a, b)
  local _, rest = divide(big(a), big(b))
  return signed(slice(rest, 1, #rest), big(a).negative)
end
Big.__pow = function(a, n)
  local result = big(1)
  while n > 0 do
    if n & 1 == 1 then result = result * a end
    n = n >> 1
    if n > 0 then a = a * a end
  end
  return result
end
Big.__eq = function(a, b) return a.negative == b.negative and compare(a, b) == 0 end
Big.__lt = function(a, b)
  a, b = big(a), big(b)
  if a.negative ~= b.negative then return a.negative end
  return compare(a, b) == (a.negative and 1 or -1)
end
Big.__le = function(a, b) return not (big(b) < big(a)) end
Big.__tostring = function(a)
  if #a == 0 then return "0" end
  local parts = { (a.negative and "-" or "") .. a[#a] }
  for i = #a - 1, 1, -1 do parts[#parts + 1] = string.format("%07d", a[i]) end
  return table.concat(parts)
end
Big.__concat = function(a, b) return tostring(a) .. tostring(b) end

local function factorial(n)
  local function product(low, high)
    if low == high then return big(low) end
    local middle = (low + high) // 2
    return product(low, middle) * product(middle + 1, high)
  end
  return product(1, n)
end

local function fibonacci(n)
  if n == 0 then return big(0), big(1) end
  local a, b = fibonacci(n // 2)
  local c, d = a * (b * 2 - a), a * a + b * b
  if n % 2 == 0 then return c, d end
  return d, c + d
end

local function root(n)
  local x = big(10) ^ (#tostring(n) // 2 + 1)
  while true do
    local y = (x + n // x) // 2
    if y >= x then return x end
    x = y
  end
end

-- Machin's formula in fixed point.
local function machin(digits)
  local unity = big(10) ^ (digits + 10)
  local function arctan(x)
    local power, sum, k, square = unity // x, unity // x, 3, x * x
    while power ~= big(0) do
      power = -(power // square)
      sum, k = sum + power // k, k + 2
    end
    return sum
  end
  return tostring((arctan(5) * 16 - arctan(239) * 4) // big(10) ^ 10)
end

-- Gibbons' unbounded spigot.
local function spigot(digits)
  local q, r, t, k, n, l, out = big(1), big(0), big(1), 1, 3, 3, {}
  while #out < digits do
    if q * 4 + r - t < t * n then
      out[#out + 1] = tostring(n)
      local nr = (r - t * n) * 10
      n = math.tointeger(tonumber(tostring((q * 3 + r) * 10 // t - 10 * n)))
      q, r = q * 10, nr
    else
      local nr = (q * 2 + r) * l
      n = math.tointeger(tonumber(tostring((q * (7 * k) + 2 + r * l) // (t * l))))
      q, t, l, k, r = q * k, t * l, l + 2, k + 1, nr
    end
  end
  return table.concat(out)
end

local f = tostring(factorial(200))
print("30!", factorial(30))
print("200!", #f, f:sub(1, 20), f:match "0+$":len())
print("fibonacci(300)", (fibonacci(300)))
print("2^521-1", (tostring(big(2) ^ 521 - 1):gsub("^(%d%d%d%d%d%d%d%d).*(%d%d%d%d%d%d%d%d)$", "%1...%2")))
print("sqrt(2)", (root(big(2) * big(10) ^ 100)))
local pi, drops = machin(120), spigot(60)
print("pi", pi, pi:sub(1, 60) == drops)

local a, b = big "123456789012345678901234567890", big "-987654321098765432109876543210"
print(a + b, a - b, b + a * 8)
print(a * b, b // a, b % a, a < b, b <= a, -b > a, a .. "!")
local x, y = big(3) ^ 700, big(7) ^ 301
print("identity", (x // y) * y + x % y == x, karatsuba(x, y) == multiply(x, y), #tostring(x * x * y))
local wide = big(7) ^ 450
print("karatsuba", #wide, karatsuba(wide, wide) == multiply(wide, wide), (tostring(wide * wide):sub(-12)))
local result, base, exponent, modulus = big(1), big(65537), big "1000000006", big "1000000007"
while exponent > big(0) do
  if exponent % 2 == big(1) then result = result * base % modulus end
  base, exponent = base * base % modulus, exponent // 2
end
print("fermat", result, (select(2, pcall(function() return a // 0 end))), (select(2, pcall(big, "12x"))))
