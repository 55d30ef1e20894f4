"""What the heads of MCLAS do, judged by the rules of rules.md."""
