-- ARGV: chain keys. Returns nodes and the conversations that they belong to.
local nodes, conversations = history(1)
return {nodes, conversations}
