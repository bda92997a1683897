-- exit.lua: prints one line and ends its process with exit code 3.

local function leave(code)
  print("leaving with code " .. code)
  io.stdout:flush()
  os.exit(code)
end

leave(3)
print("never printed")
