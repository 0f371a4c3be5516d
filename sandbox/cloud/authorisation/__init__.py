"""May this caller do that? IAM's policies, evaluated for each request that is not the account's own; buckets' for all.

| module | what it is |
|---|---|
| `conditions`, `wildcards` | a policy's operators and patterns |
| `policies` | documents and statements |
| `principals` | which documents hold for a caller |
| `bucket_policies` | what a bucket's policy says, whether it is public, and what S3 takes for one |
| `questions` | what a request asks for: actions, resource ARNs, and the keys that conditions look at |
| `ec2`, `identity`, `buckets`, `systems_manager` | the questions of each service |
| `decisions` | yes, no by a statement, or no for want of one |
"""
