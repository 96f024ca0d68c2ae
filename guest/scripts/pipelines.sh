# What a shell does with pipes, lists, subshells and background jobs. Nothing depends on who is faster.
echo "words: $(echo one two three | cat | cat | wc -w)"
(echo a; echo b; echo c) | while read letter; do echo "read $letter"; done

# Each stage changes what goes through.
for n in 1 2 3 4 5 6; do echo $n; done |
  while read n; do [ $((n % 2)) = 0 ] && echo $n; done |
  while read n; do echo $((n * n)); done |
  { sum=0; while read n; do sum=$((sum + n)); done; echo "squares of even numbers: $sum"; }

# The status of a pipeline is that of its last command, unless turned round.
true | false && echo "not this" || echo "status of the last: $?"
! false | true || echo "turned round"
(exit 4); echo "status of a subshell: $?"

# Background jobs are waited for, one by one; their output goes to files.
for n in 1 2 3; do
  (sleep 0.0$((4 - n)); echo "job $n"; exit $n) > /tmp/pipelines.$n 2>&1 &
  eval_pid=$!
  export job$n=$eval_pid
done 2> /dev/null
wait $job2; echo "job 2 ended with $?"
wait $job1; echo "job 1 ended with $?"
wait $job3; echo "job 3 ended with $?"
cat /tmp/pipelines.1 /tmp/pipelines.2 /tmp/pipelines.3

# A writer that nobody listens to any more ends by a signal.
count 2000 0 | (read first; echo "the first line: $first")

# Redirections.
echo to a file > /tmp/pipelines.file
echo more >> /tmp/pipelines.file
wc -l < /tmp/pipelines.file
ls /tmp/none 2>&1 | wc -l
(echo out; echo err >&2) 2> /tmp/pipelines.err | cat
cat < /tmp/pipelines.err
