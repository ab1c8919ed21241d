"""What is wrong with a consumer or producer and cannot be told from commits: one file each, each finding with its reason in a sentence."""
