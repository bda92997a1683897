-- runtime.lua: prints one line, then raises an error three calls deep.

local function check(account, amount)
  if amount > account.balance then
    error("insufficient funds: " .. amount .. " > " .. account.balance)
  end
  return account.balance - amount
end

local function withdraw(account, amount)
  local rest = check(account, amount)
  account.balance = rest
  return rest
end

local function run()
  local account = { balance = 100 }
  print("after the first withdrawal:", withdraw(account, 30))
  local rest = withdraw(account, 500)
  print("never printed", rest)
end

run()
