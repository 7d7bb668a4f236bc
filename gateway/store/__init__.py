"""What the gateways of one deployment share: the logs of generations, messages between gateways, and limits."""
