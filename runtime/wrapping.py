"""What stands around a script's text when V8 reads it."""

# A script is the body of an async function that begins on its own first line. V8 compiles a function in parentheses at
# once, an arrow function only when it is called: a prepared isolate must have it compiled.
HEAD, TAIL = "(async function(){", "\n})"
# Before that, the same source must stand as the body of a function declaration and as that of an arrow function. After a
# brace that closes too much, the one goes on with a statement, the other with `)` or `,`: nothing is both, so no source
# can close its wrapper.
GUARDS = (("if(0){async function f(){", "\n}}"), ("(async()=>{", "\n})"))
