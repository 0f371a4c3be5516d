"""AWS's API: moto's server, its backends extended where AWS differs.

| module | what it is |
|---|---|
| `service` | the WSGI application: credentials, then moto, then the world's network, then the journal |
| `calls`, `bodies`, `credentials` | what a request is, what it brings, who makes it |
| `protocols`, `journal` | how it is refused, or noted |
| `authorisation`, `arguments` | whether the caller may do that, and what exactly is asked for |
| `throttling`, `quotas` | what is too fast, and too much |
| `answers`, `pages`, `consistency` | pages, requests carried out once, and what was just created |
| `backend` | EC2's backend and answers, put together from the modules below and put in moto's place |
| `instances`, `nat_gateways`, `addresses` | states that take time; addresses that come from their subnet |
| `networks`, `gateways_and_routes`, `tags`, `images` | what may be made, and what may not yet be deleted |
| `identity`, `parameters`, `buckets`, `managed` | IAM, STS and SSM, S3; which instances Systems Manager may have |
| `public_address` | what checkip.amazonaws.com is: the caller's address |
| `metadata` | what an instance's metadata service answers |
| `network`, `machines` | the two ways to the hosts: the desired network, and orders for machines |
| `context`, `schedule` | what the backends share; what happens by itself after a while |

A fresh account is as a fresh one of AWS: in each region a default VPC (172.31.0.0/16) with a subnet in each zone, an
internet gateway and a route to it, and nothing else. The operator is the account itself (its root), so that IAM lists
nobody.
"""
