-- script.lua - compares records, and swaps them if they are as they were seen.
--
-- The first eight bytes of a record are its version; a record that is not there
-- has the version "".  Nothing here knows what a record means.
--
-- KEYS: the turn, then the records.  ARGV: who asks, how, the version of each
-- record, then the commands to run if all are equal: a count, then its words.
--
-- A daemon that is far away could lose for ever against one that is near: so
-- who has lost ("again") takes the turn, and nobody else swaps until it has.
-- One that died with the turn is waited for no longer than it takes ("now").

local who, how, first = ARGV[1], ARGV[2], #KEYS + 2
local swaps = #ARGV >= first
local turn = swaps and redis.call('GET', KEYS[1])

if turn and turn ~= who and how ~= 'now' then
	return { 'wait' }
end

local reply = { 'changed' }

for i = 2, #KEYS do
	if redis.call('GETRANGE', KEYS[i], 0, 7) ~= ARGV[i + 1] then
		reply[#reply + 1] = i - 2
		reply[#reply + 1] = redis.call('GET', KEYS[i])
	end
end
if #reply > 1 then
	if swaps and how == 'again' then
		redis.call('SET', KEYS[1], who)
	end
	return reply
end
while first < #ARGV do
	local last = first + tonumber(ARGV[first])

	redis.call(unpack(ARGV, first + 1, last))
	first = last + 1
end
if turn then
	redis.call('DEL', KEYS[1])
end
return { 'done' }
