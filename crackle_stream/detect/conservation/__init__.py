"""What stays the same from task to task: near-constants, balances, power laws."""
