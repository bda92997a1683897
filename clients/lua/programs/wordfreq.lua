-- wordfreq.lua: statistics over a text held in one long string literal.
--
-- Word frequencies, letter distribution, sentence lengths, bigrams,
-- palindromes and anagrams, a Caesar shift, line wrapping, and a small index
-- of positions.  The text was written for this program (about 1.8 kB).

local text = [[
The lighthouse keeper kept a diary, and the diary kept the keeper. Every evening, when the
lamp was lit and the sea was level with the dark, he wrote down what the day had been: the wind,
the sails, the birds, and the noon on which nothing at all had happened. "A quiet day," he would
write, "and a level sea." Nobody had asked him to keep a diary; nobody would read it; and yet
he wrote it with the care of a clerk who expects an inspector in the morning.

One winter the inspector came. He was a small man with a large umbrella, and he asked to see the
lamp, the stairs, the oil, and the stores. The keeper showed him the lamp, the stairs, the oil, and
the stores. The inspector counted the stairs twice: there were one hundred and ninety-nine on the
way up, and two hundred on the way down. "Your stairs do not agree," he said. The keeper replied
that the stairs had never agreed, that the night made one of them and the morning took it away,
and that the difference was written in the diary, for whoever wished to look.

So the inspector read the diary. He read of wind and of sails; he read of birds that slept on the
rail; he read of the noon on which nothing had happened, and of the level, level sea. He read until
the lamp was lit, and then he read by the lamp. In the morning he closed the book, and took his
umbrella, and went down the stairs without counting them. "Madam," he told the cook at the door,
"I was sent to inspect a light. I did not know that the light would inspect me." Then he rowed home.

The keeper wrote it down that evening: noon, wind from the west; one visitor, civic in manner;
a level sea. He stopped to listen to the silent night, and to the stairs, which were listening
too. There were two hundred of them. "A quiet day," he wrote, and he turned the page.
]]

---------------------------------------------------------------- words

local counts, words, positions = {}, {}, {}
for at, word in text:gmatch "()(%a[%a'-]*)" do
  local key = word:lower()
  words[#words + 1] = key
  counts[key] = (counts[key] or 0) + 1
  positions[key] = positions[key] or {}
  table.insert(positions[key], at)
end

-- Keys of a count table, highest count first and then alphabetical.
local function ranked(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if t[a] ~= t[b] then return t[a] > t[b] end
    return a < b
  end)
  return keys
end

local function top(t, n)
  local out = {}
  for i, key in ipairs(ranked(t)) do
    if i > n then break end
    out[i] = key .. "=" .. t[key]
  end
  return table.concat(out, " ")
end

local function total(t)
  local sum = 0
  for _, n in pairs(t) do sum = sum + n end
  return sum
end

local order = ranked(counts)
print("bytes", #text, "words", #words, "distinct", #order, total(counts) == #words)
print("top", top(counts, 12))

local once = 0
for _, n in pairs(counts) do if n == 1 then once = once + 1 end end
print("once only", once, string.format("type/token ratio %.4f", #order / #words))

---------------------------------------------------------------- letters

local letters = {}
for c in text:lower():gmatch "%l" do letters[c] = (letters[c] or 0) + 1 end
local entropy, n = 0.0, total(letters)
for _, key in ipairs(ranked(letters)) do
  local p = letters[key] / n
  entropy = entropy - p * math.log(p, 2)
end
print("letters", n, top(letters, 8), string.format("entropy %.3f", entropy))

local function bar(value, scale) return ("#"):rep(value // scale) end
for _, c in ipairs { "a", "e", "t", "z" } do
  print(string.format("%s %4d %s", c, letters[c] or 0, bar(letters[c] or 0, 5)))
end

---------------------------------------------------------------- sentences

local lengths = {}
for sentence in text:gmatch "[^.!?]+" do
  local _, count = sentence:gsub("%a[%a'-]*", "")
  if count > 0 then lengths[#lengths + 1] = count end
end
table.sort(lengths)
local median = #lengths % 2 == 1 and lengths[#lengths // 2 + 1]
  or (lengths[#lengths // 2] + lengths[#lengths // 2 + 1]) / 2
local mean = 0
for _, length in ipairs(lengths) do mean = mean + length / #lengths end
print(string.format("sentences %d shortest %d longest %d median %s mean %.2f",
  #lengths, lengths[1], lengths[#lengths], median, mean))

---------------------------------------------------------------- pairs of words

local bigrams = {}
for i = 2, #words do
  local key = words[i - 1] .. "_" .. words[i]
  bigrams[key] = (bigrams[key] or 0) + 1
end
print("bigrams", top(bigrams, 6))

local palindromes, families = {}, {}
for _, word in ipairs(order) do
  if #word > 2 and word == word:reverse() then palindromes[#palindromes + 1] = word end
  local bytes = { word:byte(1, -1) }
  table.sort(bytes)
  local signature = string.char(table.unpack(bytes))
  families[signature] = families[signature] or {}
  table.insert(families[signature], word)
end
table.sort(palindromes)
print("palindromes", table.concat(palindromes, " "))
local groups = {}
for _, family in pairs(families) do
  table.sort(family)
  if #family > 1 then groups[#groups + 1] = table.concat(family, "/") end
end
table.sort(groups)
print("anagrams", table.concat(groups, " "))

---------------------------------------------------------------- transformations

local function caesar(s, shift)
  return (s:gsub("%a", function(c)
    local base = c:find "%l" and 97 or 65
    return string.char((c:byte() - base + shift) % 26 + base)
  end))
end
local secret = caesar(text, 3)
local best, best_shift = -1, nil
for shift = 0, 25 do
  local _, hits = caesar(secret, -shift):gsub("%f[%a]the%f[%A]", "")
  if hits > best then best, best_shift = hits, shift end
end
print("caesar", secret:sub(1, 30), best_shift, best, caesar(secret, -best_shift) == text)

local function wrap(s, width)
  local lines, line = {}, ""
  for word in s:gmatch "%S+" do
    if #line + #word + 1 > width and line ~= "" then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end
for _, width in ipairs { 30, 60, 100 } do
  local lines, longest = wrap(text, width), 0
  for _, line in ipairs(lines) do longest = math.max(longest, #line) end
  print("wrap " .. width, #lines, longest, lines[2])
end

for _, word in ipairs { "diary", "inspector", "stairs", "nobody" } do
  local list = positions[word]
  local context = text:sub(list[1], list[1] + #word + 8):gsub("\n", " ")
  print(word, #list, "at " .. table.concat(list, ","), context)
end
local title = text:sub(1, 66):gsub("(%a)(%a*)", function(a, b) return a:upper() .. b end)
print(title)
