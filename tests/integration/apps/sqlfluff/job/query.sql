SELECT a,b from tbl where  a = 1
ORDER by b
